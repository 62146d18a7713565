import type { IpBytes } from './ip-address.ts';

/** One line of the rules: which clients it is for, and how they prove who they are. */
export interface HbaRule {
  /** `hostgssenc` is never matched and refused when read; `hostnogssenc` is `host`, as nothing here speaks GSSAPI. */
  readonly type: 'local' | 'host' | 'hostssl' | 'hostnossl';
  readonly databases: readonly HbaName[];
  readonly users: readonly HbaName[];
  /** Undefined for any address, and for `local`. */
  readonly network?: { readonly address: IpBytes; readonly mask: IpBytes };
  readonly method: HbaMethod;
  /** What the client's certificate has to be, besides what the method asks for. */
  readonly clientCertificate: 'none' | 'trusted' | 'ofUser';
  /** `FILE:LINE`, for logs and views. */
  readonly where: string;
}

export type HbaMethod = 'trust' | 'reject' | 'scram-sha-256' | 'md5' | 'password' | 'cert';

/** What a database or a user may be called. */
export type HbaName =
  | { readonly kind: 'all' }
  /** The database of the user's own name. */
  | { readonly kind: 'sameUser' }
  /** Physical replication, which has no database. */
  | { readonly kind: 'replication' }
  | { readonly kind: 'is'; readonly name: string }
  | { readonly kind: 'matches'; readonly pattern: RegExp };
