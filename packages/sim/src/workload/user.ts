import type { Endpoint, NetworkError, World } from '@multigres/core';
import { tenantUser, type Accounts } from '../assembly/accounts.ts';
import type { Checks } from '../check/checks.ts';
import { ProtocolOracle } from '../check/protocol-oracle.ts';
import { SessionModel } from '../check/session-model.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';
import {
  readAndHangUp,
  readCancelled,
  readCancelledLate,
  readError,
  readLarge,
  readLedger,
  readLong,
  readMuch,
  readParameter,
  readPipeline,
  readPortions,
  readRows,
  readSlowly,
  readTag,
  readTwice,
} from './ops/reads.ts';
import { killMyself, knockAtConsole, lookAtClients, pauseShortly, resume } from './ops/console.ts';
import {
  borrowRole,
  cancelPrepared,
  changeSetting,
  discardAll,
  lookAtSetting,
  lookWhoIAm,
  prepareAgain,
  useChannel,
  useLock,
  usePrepared,
  useTemporary,
} from './ops/state.ts';
import { beIdle, beIdleInTransaction } from './ops/idleness.ts';
import { useChangingTable } from './ops/changing-tables.ts';
import { copyIn, copyOut, readLongParameter, readLongText } from './ops/copies.ts';
import { readRegister, writeRegister } from './ops/registers.ts';
import { readElsewhere } from './ops/replica-reads.ts';
import { writeAlone, writeCancelled, writeCarelessly, writeMuchText, writeTogether } from './ops/writes.ts';
import { PgClient, type Reply } from './pg-client.ts';
import { beGuest, beRefused, beTurnedAway, passing } from './strangers.ts';
import { UserSession, fateOf, type ClientState, type Peace } from './session.ts';
import type { Way } from './way.ts';

export type Operation = (session: UserSession) => Promise<unknown>;

/** What users do, by how often in a thousand. */
export type Mix = readonly (readonly [operation: Operation, weight: number])[];

export const everything: Mix = [
  [readTag, 120],
  [readParameter, 100],
  [readTwice, 20],
  [readPipeline, 60],
  [readPortions, 20],
  [readSlowly, 10],
  [readLarge, 4],
  [readRows, 8],
  [copyIn, 25],
  [copyOut, 15],
  [readLongParameter, 10],
  [readLongText, 3],
  [readError, 40],
  [readCancelled, 20],
  [readCancelledLate, 25],
  [readAndHangUp, 15],
  [readMuch, 4],
  [readLedger, 15],
  [writeAlone, 160],
  [writeTogether, 120],
  [changeSetting, 60],
  [lookAtSetting, 100],
  [borrowRole, 15],
  [lookWhoIAm, 20],
  [usePrepared, 90],
  [prepareAgain, 15],
  [cancelPrepared, 20],
  [useChangingTable, 40],
  [useTemporary, 25],
  [useLock, 25],
  [useChannel, 15],
  [discardAll, 5],
  [lookAtClients, 20],
  [knockAtConsole, 8],
  [killMyself, 6],
  [pauseShortly, 4],
  [beIdle, 15],
  [beIdleInTransaction, 15],
];

/** Reads that can run between those of others, with all that may disturb them: a few backends serve everybody. */
const crowd: Mix = [
  [readTag, 250],
  [readParameter, 150],
  [readRows, 80],
  [readSlowly, 40],
  [readLarge, 40],
  [readError, 40],
  [readCancelledLate, 200],
  [readPipeline, 60],
  [readAndHangUp, 15],
  [usePrepared, 60],
  [cancelPrepared, 60],
  [useChangingTable, 60],
  [writeAlone, 30],
  [lookAtSetting, 20],
  [changeSetting, 3],
  [lookAtClients, 15],
  [killMyself, 4],
];

/** These need an admin console. */
const atConsole: ReadonlySet<Operation> = new Set([lookAtClients, knockAtConsole, killMyself, pauseShortly]);
/** Nothing that keeps a backend for longer than a transaction. */
const fair: Mix = [
  [readTag, 300],
  [readParameter, 200],
  [readPipeline, 100],
  [readRows, 20],
  [readLong, 40],
  [writeAlone, 150],
  [writeTogether, 120],
];

/** Writes, so many at a time that whatever breaks hits some of them when they are done and not answered yet. */
const writes: Mix = [
  [writeAlone, 700],
  [writeTogether, 150],
  [readTag, 100],
  [readLedger, 50],
];

/** What a shard must keep: rows that are written once, rows that everybody writes, and looks at both. */
const shard: Mix = [
  [writeAlone, 220],
  [writeMuchText, 30],
  [writeTogether, 100],
  [writeRegister, 250],
  [readRegister, 250],
  [readLedger, 20],
  [readTag, 30],
];

/** Logs that end in long writes, of which many wait when their leader is lost. */
const shardLong: Mix = [...shard, [writeMuchText, 800]];
/** Every other user only looks: nobody who waits for a quorum reads what is stale. */
const shardLooks: Mix = [...shard, [readRegister, 100]];
const looksOnly: Mix = [
  [readRegister, 900],
  [readTag, 100],
];
const shardCancels: Mix = [...shard, [writeCancelled, 400]];
const shardLowers: Mix = [...shard, [writeCarelessly, 400]];
const shardReads: Mix = [...shard, [readElsewhere, 400]];

/** Who asks for a cancel may be cancelled late. Users who never ask notice when it hits somebody else. */
const cancels: ReadonlySet<Operation> = new Set([readCancelled, readCancelledLate, cancelPrepared, writeCancelled]);

/** How much the users of one run have in common at login: only backends with equal startup settings stand in for each other. */
export type Likeness = 'alike' | 'different';

export function drawLikeness(random: RandomStream, workload: Workload): Likeness {
  return workload !== 'everything' || random.chance(0.75) ? 'alike' : 'different';
}

export const workloads = [
  'everything',
  'crowd',
  'fair',
  'writes',
  'shard',
  'shardLong',
  'shardLooks',
  'shardCancels',
  'shardLowers',
  'shardReads',
] as const;
export type Workload = (typeof workloads)[number];

/** What the users of one run do: in most runs only a part of everything, so that what is left meets itself often. */
export function drawMix(random: RandomStream, workload: Workload, hasConsole: boolean): Mix {
  const mix = drawFromAll(random, workload);
  return hasConsole ? mix : mix.filter(([operation]) => !atConsole.has(operation));
}

function drawFromAll(random: RandomStream, workload: Workload): Mix {
  if (workload === 'crowd') return crowd;
  if (workload === 'fair') return fair;
  if (workload === 'writes') return writes;
  if (workload === 'shard') return shard;
  if (workload === 'shardLong') return shardLong;
  if (workload === 'shardLooks') return shardLooks;
  if (workload === 'shardCancels') return shardCancels;
  if (workload === 'shardLowers') return shardLowers;
  if (workload === 'shardReads') return shardReads;
  if (random.chance(0.3)) return everything;
  const some = everything.filter(() => random.chance(0.5));
  return some.length === 0 ? everything : some;
}

/** When the run is over for a user. */
export interface Timetable {
  /** Users begin no new operation after this. */
  endMs: number;
  /** From then on nothing is broken any more: users wait patiently. */
  healMs: number;
}

export interface UserParts {
  readonly client: ClientState;
  readonly world: World;
  readonly life: Life;
  readonly random: RandomStream;
  readonly checks: Checks;
  readonly endpoints: readonly Endpoint[];
  readonly database: string;
  readonly hasConsole: boolean;
  /** The same in all lives of a user, so that who always comes one way has to get in that way. */
  readonly way: Way;
  readonly minor: 0 | 2;
  readonly mix: Mix;
  readonly likeness: Likeness;
  /** Nothing breaks without a word (no machine loses power, no link is cut): half of the users rely on being told, and wait for ever. */
  readonly neverImpatient: boolean;
  /** Undefined where things break. */
  readonly peace: Peace | undefined;
  readonly accounts: Accounts | undefined;
  /** Nothing at all breaks. */
  readonly isCalm: boolean;
  readonly isUnhurried: boolean;
  /** Nobody may be refused, or wait for longer. */
  readonly servedWithinMs?: (sinceMs: number) => number;
  readonly timetable: Timetable;
  readonly mark: (moment: string) => void;
}

/** Pauses between operations, milliseconds: users are not all equally busy. */
const paces = [0, 5, 50, 300] as const;
/** A failover takes seconds: what busier users would do meanwhile shows nothing more, and costs. */
const calmPaces = [5, 40, 100, 300] as const;

/** One life of a user: session after session until the run is over; then a last look whether everything works. */
export async function runUser(parts: UserParts): Promise<void> {
  const { random, world, timetable, checks } = parts;
  const paceMs = random.pick(parts.isUnhurried ? calmPaces : paces);
  const all = parts.mix === shardLooks && looksOn(parts.client) ? looksOnly : parts.mix;
  const mix = random.chance(0.5) ? all : all.filter(([operation]) => !cancels.has(operation));
  await world.clock.sleep(random.below(1000));
  while (checks.nowMs() < timetable.endMs) {
    if (random.chance(0.15)) await beTurnedAway(parts);
    if (random.chance(0.15)) await beGuest(parts, world);
    if (random.chance(0.1)) await beRefused(parts);
    if (random.chance(0.05) && parts.accounts?.changePassword()) parts.mark('client/password changed');
    const session = await login(parts);
    if (session === undefined) await world.clock.sleep(20 + random.below(300));
    else await useSession({ ...parts, mix }, session, paceMs);
  }
  await lastLook(parts);
}

async function useSession(parts: UserParts, session: UserSession, paceMs: number): Promise<void> {
  const { random, world, checks, timetable } = parts;
  for (let operations = 1 + random.below(60); operations > 0; operations--) {
    if (session.over || checks.nowMs() >= timetable.endMs) break;
    await pickOperation(parts.mix, random)(session);
    if (paceMs > 0) await world.clock.sleep(random.below(paceMs * 2));
  }
  if (session.over) return;
  if (random.chance(0.7)) session.pg.terminate();
  else session.pg.drop();
}

function pickOperation(mix: Mix, random: RandomStream): Operation {
  let total = 0;
  for (const [, weight] of mix) total += weight;
  if (total === 0) return readTag;
  let at = random.below(total);
  for (const [operation, weight] of mix) {
    at -= weight;
    if (at < 0) return operation;
  }
  return readTag;
}

/** A session, or undefined if there is none to be had now. */
export async function login(parts: UserParts): Promise<UserSession | undefined> {
  const { client, world, checks, random, timetable } = parts;
  client.sessions += 1;
  const name = `${client.name} session ${client.sessions}`;
  const applicationName = parts.likeness === 'alike' ? 'shop' : name;
  const initial = new Map([
    ['application_name', applicationName],
    ['work_mem', '4MB'],
    ['statement_timeout', '0'],
    ['TimeZone', 'UTC'],
    ['extra_float_digits', '1'],
    ['role', 'none'],
  ]);
  const parameters: [string, string][] = [
    ['user', parts.servedWithinMs !== undefined && isTenant(client) ? tenantUser : 'app'],
    ['database', parts.database],
    ['application_name', applicationName],
  ];
  if (random.chance(0.3)) {
    initial.set('work_mem', '3MB');
    parameters.push(['options', '-c work_mem=3MB']);
  }
  if (random.chance(0.2)) {
    initial.set('TimeZone', 'Europe/Berlin');
    parameters.push(['timezone', 'europe/berlin']);
  }
  const model = new SessionModel(initial);
  const ended = checks.watch.begin('a login', parts.life);
  let session: UserSession | undefined;
  const password = parts.accounts?.password() ?? '';
  const pg = await PgClient.open(world, {
    password,
    nonce: () => `nonce${random.below(1e9)}`,
    endpoint: random.pick(parts.endpoints),
    parameters,
    way: parts.way,
    minor: parts.minor,
    connectTimeoutMs: 3000,
    loginTimeoutMs: 10_000,
    oracle: new ProtocolOracle((sentence) => checks.fail('protocol', `${name}: ${sentence}`)),
    toldToGo: (report, inTransaction) => session?.toldToGo(report, inTransaction),
    notified: (channel) => {
      if (!model.listening.has(channel)) {
        checks.fail('session isolation', `${name} was notified on ${channel}, where it does not listen`);
      }
    },
  });
  ended();
  if ('refused' in pg) {
    judgeRefusal(parts, name, pg.refused, password);
    return undefined;
  }
  client.refusals = 0;
  parts.mark('client/logged in');
  if (parts.way !== 'clear') parts.mark(`client/came by TLS, ${parts.way}`);
  const keyBytes = parts.minor === 2 ? 32 : 4;
  if (pg.keyBytes !== keyBytes)
    checks.fail(
      'protocol',
      `${name} got a cancel key of ${pg.keyBytes} bytes, protocol 3.${parts.minor} has ${keyBytes}`,
    );
  const waitsForEver = parts.servedWithinMs !== undefined || (parts.neverImpatient && random.chance(0.5));
  session = new UserSession({
    ...parts,
    pg,
    model,
    patienceMs: () => (waitsForEver || checks.nowMs() > timetable.healMs ? 1e9 : 1000 + random.below(8000)),
  });
  return session;
}

/** Pools, and users of the largest, where some have a role of their own. */
export function rolesOf(users: number): { readonly pools: number; readonly users: number } {
  return { pools: 2, users: users - Math.floor(users / 3) };
}

function looksOn({ name }: ClientState): boolean {
  return Number(name.split('-')[1]) % 2 === 0;
}

/** Every third user has a role of his own, and so a pool. */
function isTenant({ name }: ClientState): boolean {
  return Number(name.split('-')[1]) % 3 === 0;
}

/** A changed password may be refused as long as a gateway does not know; having refused it, the gateway asks Postgres. */
const refusalsMax = 3;

function judgeRefusal(
  { checks, client, accounts, servedWithinMs }: UserParts,
  name: string,
  refused: Reply | NetworkError,
  password: string,
): void {
  const isForgotten = 'rows' in refused && refused.error?.sqlstate === '28P01';
  if (servedWithinMs !== undefined && !isForgotten) {
    const why = 'rows' in refused ? (refused.error?.message ?? 'nothing') : refused.message;
    checks.fail('fairness', `${name} could not log in: ${why}`);
  }
  if (!('rows' in refused) || refused.error === undefined) return;
  // Too many clients, starting up, shutting down, no way to the data: all else is a wrong answer to a right login.
  if (passing.test(refused.error.sqlstate)) return;
  if (refused.error.sqlstate === '28P01' && accounts?.asks === true) {
    // Nobody can hold the password that is changed meanwhile.
    if (accounts.password() !== password) return;
    client.refusals += 1;
    if (client.refusals <= refusalsMax) return;
  }
  checks.fail('answers', `${name} was refused with ${refused.error.sqlstate} ${refused.error.message}`);
}

/** All faults have healed: a new session must work, and a write through it too. Tries until it does; the liveness oracle watches. */
async function lastLook(parts: UserParts): Promise<void> {
  const done = parts.checks.watch.begin('a session that works after all faults have healed', parts.life);
  for (;;) {
    // Who has paused it may not have lived to go on.
    if (parts.hasConsole) await resume(parts, parts.random.pick(parts.endpoints));
    const session = await login(parts);
    if (session !== undefined) {
      const reply = await session.simple('SELECT 1');
      const works = fateOf(reply) === 'ok' && (await writeAlone(session)) === 'ok';
      if (!session.over) session.pg.terminate();
      // A place of a guest that was never given back would keep all guests out.
      if (works && (await beGuest(parts, parts.world))) break;
    }
    await parts.world.clock.sleep(200);
  }
  done();
}
