import type { Endpoint } from '@multigres/core';
import type { FaultMenu } from './fault/generate.ts';
import type { Accounts } from './assembly/accounts.ts';
import type { Checks } from './check/checks.ts';
import type { Weather } from './world/weather.ts';

/** A simulated cluster, as a run needs it: where its users knock, what can break, and what a god sees. */
export interface Cluster {
  readonly endpoints: readonly Endpoint[];
  readonly database: string;
  /** Whether its endpoints have an admin console. */
  readonly hasConsole: boolean;
  /** Whether they speak TLS and protocol 3.2. */
  readonly isModern: boolean;
  /** How users prove who they are; undefined where everybody is trusted and nothing limited. */
  readonly accounts?: Accounts;
  /** Nodes, links between their machines, disks, and Postgres servers. The users' are added by the run. */
  readonly parts: Pick<FaultMenu, 'nodes' | 'links' | 'disks' | 'servers' | 'drainable' | 'poolers' | 'stores'>;
  /** The times of plans and scenarios count from when it stands: setting it up takes longer than the second that others take. */
  readonly countsFromStart?: boolean;
  /** At the end, when nobody is connected: sentences about what did not come to rest, though it had the time. */
  verdict?(healMs: number): Promise<readonly string[]>;
  /** What this run's pooler may have, where one pooler serves everybody. */
  readonly backends?: { readonly backendsMax: number; readonly poolBackendsMax: number };
  /** Starts every node and makes the tables. Resolves when users may come. */
  start(): Promise<void>;
  /** What is committed, by the model's own books: the keys of the ledger. */
  committedKeys(): readonly string[];
  /** Sentences about what should not be there any more when nobody is connected. */
  leaks(): readonly string[];
}

/**
 * `direct`: users speak to the Postgres model itself. `proxy`: through gateways and a pooler. `shard`: through gateways to three or more members in as many cells, with etcd,
 * pgctld and orchestrators.
 */
export interface ClusterSpec {
  readonly kind: 'direct' | 'proxy' | 'shard';
  readonly gateways: number;
  readonly shard?: Partial<ShardSpec>;
  /** Limits of the pooler; each seed draws one of the values. What is not named is drawn from a choice for every weather. */
  readonly pooler?: Partial<PoolerKnobs>;
  /** Limits of the gateways; 0 and absent: none. */
  readonly gateway?: Partial<IdleLimits>;
}

/** What is not named is as in the type's comments. */
export interface ShardSpec {
  /** Poolers with a Postgres each; the first three cells have one each, further ones begin with the first cell again. Default 3. */
  readonly members: number;
  /** Default 3, one per cell. */
  readonly orchestrators: number;
  /** Default AT_LEAST_N with 2. */
  readonly policy: { readonly name: string; readonly n: number };
  /** Share of calls between roles that come twice; each seed draws one. Default 0, 0 or 0.05. */
  readonly againShares: readonly number[];
  /** `wild`: clocks drift by up to 1 % and are minutes apart. */
  readonly clocks: 'usual' | 'wild';
  /** More attempts to change the leader than this after everything has healed are a storm. Default 8. */
  readonly ballotsMax: number;
}

/** How long a session may be idle, milliseconds: GatewayLimits of packages/gateway. */
export interface IdleLimits {
  readonly idleSessionMs: number;
  readonly idleInTransactionMs: number;
}

export interface PoolerKnobs {
  readonly backendsMax: readonly number[];
  readonly poolBackendsMax: readonly number[];
  readonly sharedBackendsMax: readonly number[];
  readonly sharedGroupsMax: readonly number[];
  readonly slowMs: readonly number[];
  readonly statementsMax: readonly number[];
  readonly idleMs: readonly number[];
  readonly waitMs: readonly number[];
}

/** The pooler's limits that a scenario may set: PoolerLimits of packages/pooler. */
export const poolerKnobs: readonly (keyof PoolerKnobs)[] = [
  'backendsMax',
  'poolBackendsMax',
  'sharedBackendsMax',
  'sharedGroupsMax',
  'slowMs',
  'statementsMax',
  'idleMs',
  'waitMs',
];

export type AssembleCluster = (weather: Weather, spec: ClusterSpec, checks: Checks) => Cluster;
