import type { Mode, Workload } from '../load/pgbench.ts';

/** What the command line asks for, filled up. */
export interface ProxyPlan {
  readonly clients: readonly number[];
  readonly modes: readonly Mode[];
  readonly rounds: number;
  /** Of one run. */
  readonly seconds: number;
  readonly transport: 'tcp' | 'unix';
  readonly scale: number;
  /** Pool sizes to try for each pooler; one means that it is given. */
  readonly pgbouncerPools: readonly number[];
  readonly ourPools: readonly number[];
  /** Rates of the open loop, as shares of what PgBouncer reaches in a closed one. */
  readonly openShares: readonly number[];
  readonly openRounds: number;
  /** Where to keep CPU profiles of ours; none are taken without. */
  readonly profileFolder?: string;
}

/** One kind of load; each peer gets each, in turn. */
export interface Load {
  readonly workload: Workload;
  readonly mode: Mode;
  readonly clients: number;
}

/** Writers fight for pgbench's few branches: one count of clients, and one protocol, shows what there is to be seen. */
const writersMax = 64;
/**
 * Not prepared: pgbench waits for the answer to its first Parse of each statement and does nothing else in that thread. When its own
 * clients hold all backends of a pool in transactions, it waits for itself.
 */
export const writersMode: Mode = 'extended';

export function loadsOf({ clients, modes }: ProxyPlan): readonly Load[] {
  const selects = modes.flatMap((mode) =>
    clients.map((count) => ({ workload: 'select' as const, mode, clients: count })),
  );
  const writers = Math.max(...clients.filter((count) => count <= writersMax), Math.min(...clients));
  return [...selects, { workload: 'tpcb', mode: writersMode, clients: writers }];
}

/** pgbench's time includes what many clients need to connect. */
const [manyClients, manySeconds] = [128, 3];

/** Length of a run under this load. */
export const secondsOf = ({ seconds }: ProxyPlan, { clients }: Load): number =>
  clients < manyClients ? seconds : Math.max(seconds, manySeconds);

/** A guess, for people who wait: runs have a beginning and an end, and there are other parts. */
export function minutesAhead(plan: ProxyPlan, peers: number): number {
  const runs = peers * (loadsOf(plan).length * plan.rounds + plan.openShares.length * plan.openRounds);
  return Math.ceil((runs * (plan.seconds + 0.5) + 30) / 60);
}
