import type { Lsn } from '@multigres/core';
import type { Checks } from '../../check/checks.ts';
import { GhostOracle } from '../../check/consensus/quorum-view.ts';
import type { DataDirectory } from '../../model/postgres/storage/data-directory.ts';
import { sizeOf, type Change, type LogRecord } from '../../model/postgres/storage/log-record.ts';
import type { RunningServer } from '../../programs/postmaster.ts';
import type { Weather } from '../../world/weather.ts';
import type { PostgresMachine } from './postgres-machine.ts';

/** Rows of one transaction are not further apart than this in a log. */
const recordsMax = 200;
const commitBytes = BigInt(sizeOf({ kind: 'commit', xids: [] }));

/** What one commit did. */
interface Deed {
  readonly xids: readonly number[];
  /** Texts in the rows that it wrote. */
  readonly values: readonly string[];
  /** What it did to the table of rules. */
  readonly rule: 'written' | 'marked' | undefined;
  /** What tells it apart from any other that might stand at its place. */
  readonly identity: string;
}

/** Sees every server's log, and tells the oracles of consensus what is decided, where, and who came to lead. */
export class SeeingGod {
  readonly #weather: Weather;
  readonly #checks: Checks;
  readonly #machines: readonly PostgresMachine[];
  readonly #ghosts = new GhostOracle();
  /** Identifiers of the heap of `multigres.rule`, by the cluster's identifier. */
  readonly #ruleHeaps = new Map<bigint, number>();
  #leastVoters = 1;
  /** The policy that is wanted is in force: set when the cohort is complete. */
  policyHolds = false;
  /** The machines where something happened last: what faults name. */
  #promoted: string | undefined;
  #renamed: string | undefined;
  #leader: string | undefined;
  #promiser: string | undefined;

  constructor(weather: Weather, checks: Checks, machines: readonly PostgresMachine[], leastVoters: number) {
    this.#weather = weather;
    this.#checks = checks;
    this.#machines = machines;
    this.#leastVoters = leastVoters;
    const followers = (): string[] => machines.map(({ name }) => name).filter((name) => name !== this.leader);
    weather.aliases.set('leader', () => this.leader);
    weather.aliases.set('promoted', () => this.#promoted);
    weather.aliases.set('renamed', () => this.#renamed);
    weather.aliases.set('promiser', () => this.#promiser);
    weather.moments.before((id, node) => {
      if (id === 'promise/written') this.#promiser = node;
    });
    machines.slice(1).forEach((_, i) => weather.aliases.set(`follower-${i + 1}`, () => followers()[i]));
    checks.onSight = (value, reader) => this.#saw(value, reader);
  }

  /** The machine whose rule was decided last. */
  get leader(): string | undefined {
    return this.#leader ?? this.#machines[0]?.name;
  }

  /** A server has selected a new timeline. */
  promoted(machine: string): void {
    this.#promoted = machine;
    this.#weather.moments.mark('postgres/promoted', machine);
  }

  /** ALTER SYSTEM has changed the synchronous names. */
  renamed(machine: string): void {
    this.#renamed = machine;
    this.#weather.moments.mark('names/changed', machine);
  }

  /** A commit is durable where it was made, or on its quorum. */
  committed(machine: string, end: Lsn, what: 'flushed' | 'replicated'): void {
    const server = this.#machines.find(({ name }) => name === machine)?.server;
    const deed = server && this.#deedAt(server.model.directory, end);
    if (server === undefined || deed === undefined) return;
    if (what === 'flushed') {
      if (deed.rule === 'written') this.#weather.moments.mark('rule/written', machine);
      return;
    }
    this.#judgeQuorum(machine, end, deed);
    const twice = this.#checks.consensus.decided(end, deed.identity, machine);
    if (twice !== undefined) this.#checks.fail('single history', twice);
    if (deed.rule === 'written') this.#decided(machine, server);
    if (deed.rule === 'marked') this.#weather.moments.mark('rule/marked', machine);
  }

  /** A commit that returns must be on as many disks as the policy says, whoever was waited for. */
  #judgeQuorum(machine: string, end: Lsn, deed: Deed): void {
    const holders = this.#machines.filter((each) => hasCommit(each.directory, end, deed.xids)).map(({ name }) => name);
    if (holders.length >= this.#leastVoters) for (const value of deed.values) this.#ghosts.stored(value);
    else if (this.policyHolds)
      this.#checks.fail(
        'quorum',
        `a commit (${deed.values.slice(0, 2).join(', ').slice(0, 60)}) returns on ${machine} when only ${holders.join(' and ') || 'nobody'} has it on disk`,
      );
  }

  /** Whoever leads from now on must have everything that was acknowledged until now. */
  #decided(machine: string, server: RunningServer): void {
    this.#leader = machine;
    this.#weather.moments.mark('rule/decided', machine);
    const keys = new Set(server.model.inspect.rows('postgres', 'ledger')?.map((row) => row['k']));
    const lost = this.#checks.consensus.promoted({ member: machine, has: (write) => keys.has(write) });
    for (const sentence of lost) this.#checks.fail('durability', sentence);
  }

  #saw(value: string, reader: string): void {
    const voters = this.#machines.map(({ name }) => name);
    const sentence = this.#ghosts.read(value, reader, {
      voters,
      least: this.#leastVoters,
      has: (voter, write) => this.#isDurable(voter, write),
    });
    if (sentence !== undefined) this.#checks.fail('ghosts', sentence);
  }

  /** Whether the write stands, with its commit, in the flushed part of a machine's log. */
  #isDurable(machine: string, write: string): boolean {
    const directory = this.#machines.find(({ name }) => name === machine)?.directory;
    if (directory === undefined) return false;
    return directory.log.timelines.some((timeline) => {
      const log = directory.log.find(timeline);
      if (log === undefined) return false;
      const at = log.records.findLastIndex((record) => valuesIn(record.change).includes(write));
      const record = log.records[at];
      if (record === undefined || !('xid' in record.change)) return false;
      const { xid } = record.change;
      return log.records
        .slice(at)
        .some(({ change, end }) => change.kind === 'commit' && change.xids.includes(xid) && end <= log.flushed);
    });
  }

  #deedAt(directory: DataDirectory, end: Lsn): Deed | undefined {
    const log = directory.log.find(directory.log.timeline);
    const at = log?.indexFrom((end - commitBytes) as Lsn) ?? -1;
    const commit = log?.records[at];
    if (log === undefined || commit?.end !== end || commit.change.kind !== 'commit') return undefined;
    const { xids } = commit.change;
    const heap = this.#ruleHeap(directory);
    const values: string[] = [];
    let rule: Deed['rule'];
    for (let i = at - 1; i >= 0 && i >= at - recordsMax; i--) {
      const { change } = log.records[i] as LogRecord;
      if (!('heap' in change) || !xids.includes(change.xid)) continue;
      values.push(...valuesIn(change));
      if (change.heap === heap && change.kind === 'insert') rule = 'written';
      if (change.heap === heap && change.kind === 'update') rule ??= 'marked';
    }
    return { xids, values, rule, identity: `${xids.join()}: ${values.join(' ')}` };
  }

  #ruleHeap(directory: DataDirectory): number | undefined {
    const known = this.#ruleHeaps.get(directory.systemIdentifier);
    if (known !== undefined) return known;
    const made = directory.applied.find(
      ({ change }) => change.kind === 'create' && change.shape.name === 'rule',
    )?.change;
    if (made?.kind !== 'create') return undefined;
    this.#ruleHeaps.set(directory.systemIdentifier, made.heap);
    return made.heap;
  }
}

function valuesIn(change: Change): string[] {
  return 'values' in change ? change.values.filter((value) => typeof value === 'string') : [];
}

/** Whether that very commit is on the disk, in whatever timeline's file. */
function hasCommit(directory: DataDirectory | undefined, end: Lsn, xids: readonly number[]): boolean {
  const log = directory?.log;
  return (
    log?.timelines.some((timeline) => {
      const files = log.find(timeline);
      const record = files?.at((end - commitBytes) as Lsn);
      if (record?.change.kind !== 'commit' || record.end !== end || files === undefined) return false;
      return files.flushed >= end && record.change.xids.join() === xids.join();
    }) ?? false
  );
}
