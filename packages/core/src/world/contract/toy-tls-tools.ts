import { toyMaterial } from '../toy-tls/toy-certificate.ts';
import type { TlsTools } from './contract-test.ts';

/** For worlds with toy TLS. */
export const toyTlsTools: TlsTools = {
  server: toyMaterial({ commonName: 'db.example', names: ['db.example'], issuer: 'authority' }),
  client: toyMaterial({ commonName: 'joe', names: ['db.example'], issuer: 'authority' }),
  stranger: toyMaterial({ commonName: 'joe', names: ['db.example'], issuer: 'somebody else' }),
  trusting: toyMaterial(undefined, ['authority']),
};
