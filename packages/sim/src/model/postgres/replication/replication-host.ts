import type { Clock, Lsn, Random, World } from '@multigres/core';

import type { Config } from '../server/configuration.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import type { TimelineHistory } from '../storage/timeline-history.ts';
import type { SyncWaits } from './sync-waits.ts';
import type { WalSender } from './wal-sender.ts';

export type LogLevel = 'LOG' | 'WARNING' | 'ERROR' | 'FATAL' | 'PANIC';

/** What the replicating processes of a server need of it. */
export interface ReplicationHost {
  readonly world: World;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: DataDirectory;
  /** The postmaster's copy: what a new process starts with. */
  readonly config: Config;
  readonly senders: Set<WalSender>;
  readonly syncWaits: SyncWaits;
  readonly inRecovery: boolean;
  /** The timeline that is written or, in recovery, replayed. */
  readonly timeline: number;
  readonly history: TimelineHistory;
  /** Up to where a walsender may send: what is durable or, in recovery, received or replayed. */
  readonly sendLimit: Lsn;
  readonly replayedLsn: Lsn;
  wallMicros(): bigint;
  newPid(): number;
  /** How long one flush takes, in milliseconds. */
  flushMs(): number;
  /** The password that a connection string means, with its passfile. */
  passwordOf(conninfo: ReadonlyMap<string, string>): Promise<string | undefined>;
  log(level: LogLevel, message: string): void;
}
