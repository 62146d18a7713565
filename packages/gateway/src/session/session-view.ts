import type { SessionState } from './session.ts';

/** A session, for views: read off it at the moment of asking. Times are the clock's `nowMs`, to the second. */
export interface SessionView {
  /** The process id of its cancel key: what KILL CLIENT names, unique among gateways but for chance. */
  readonly id: number;
  /** Its number on the link to the pooler. */
  readonly channel: number;
  readonly user: string;
  readonly database: string;
  readonly replication: 'none' | 'physical' | 'logical';
  readonly state: SessionState;
  readonly remote: string;
  readonly connectedMs: number;
  /** When it asked for something last, to the second. */
  readonly sinceMs: number;
  readonly applicationName: string;
  readonly pins: number;
  /** Of its encryption; empty if there is none. */
  readonly tls: string;
}
