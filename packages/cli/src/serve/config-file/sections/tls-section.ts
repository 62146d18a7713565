import type { Section } from '../section.ts';
import { choice, filePath, fixed } from '../setting.ts';

/** `[tls]`: encryption of clients' connections. The files are read again on SIGHUP, for connections from then on. */
export interface TlsSection {
  /** `require`: who comes by TCP without it is refused. */
  readonly mode?: 'disable' | 'allow' | 'require';
  readonly certificate?: string;
  readonly key?: string;
  /** Clients are asked for certificates, which these authorities must have issued. */
  readonly clientCa?: string;
}

export const tlsSection: Section<TlsSection> = {
  mode: fixed(choice('disable', 'allow', 'require')),
  certificate: fixed(filePath),
  key: fixed(filePath),
  clientCa: fixed(filePath),
};
