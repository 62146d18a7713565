import type { Mutant } from '../mutation.ts';

const login = 'packages/gateway/src/session/login.ts';
const server = 'packages/pooler/src/backend/postgres-server.ts';

/** Bugs in how clients and nodes come to speak TLS, and the newer protocol. */
export const encryptionMutants: readonly Mutant[] = [
  {
    name: 'gateway/direct-handshake-begun-lost',
    file: login,
    find: `return offered ? this.#startTls(bytes, true) : this.#left();`,
    replace: `return offered ? this.#startTls(emptyBytes, true) : this.#left();`,
    why: 'a client that begins with TLS waits for ever, as the first bytes of its handshake are lost',
  },
  {
    name: 'gateway/answers-in-clear',
    file: login,
    find: `    this.#connection = connection;
    this.#facts = facts;`,
    replace: `    this.#facts = facts;`,
    why: 'what a client asks inside TLS is answered in clear',
  },
  {
    name: 'gateway/deaf-after-the-answer',
    file: login,
    find: `    this.#deframer.resume();
    if (bytesLeft > 0)`,
    replace: `    if (bytesLeft > 0)`,
    why: 'after it was told whether it may encrypt, a client is not listened to',
  },
  {
    name: 'gateway/key-too-long-for-the-protocol',
    file: 'packages/gateway/src/cancel/cancel-keys.ts',
    find: `version.minor >= 2 ?`,
    replace: `version.minor >= 0 ?`,
    why: 'clients of protocol 3.0 get cancel keys that they cannot read',
  },
  {
    name: 'pooler/deaf-after-no-tls',
    file: 'packages/pooler/src/backend/login.ts',
    find: `    // The question for TLS may have left it paused.
    connection.resume();`,
    replace: ``,
    why: 'a Postgres without TLS says no, and then nothing that it says is read',
  },
  {
    name: 'pooler/no-tls-is-no-postgres',
    file: server,
    find: `tls.mode !== 'prefer');`,
    replace: `true);`,
    why: 'a pooler that would like TLS does not take no for an answer',
  },
];
