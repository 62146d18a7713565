import type { Section } from '../section.ts';
import { filePath, fixed } from '../setting.ts';

/** `[relay_tls]`: encryption between gateway and pooler over TCP. Both need all three: each proves itself to the other. */
export interface RelayTlsSection {
  readonly certificate?: string;
  readonly key?: string;
  /** Who has issued the other end's certificate. */
  readonly ca?: string;
}

export const relayTlsSection: Section<RelayTlsSection> = {
  certificate: fixed(filePath),
  key: fixed(filePath),
  ca: fixed(filePath),
};
