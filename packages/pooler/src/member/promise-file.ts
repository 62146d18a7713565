import { compareBallots } from '@multigres/consensus';
import { DiskError, utf8, utf8Text, writeDurably, type Disk } from '@multigres/core';
import {
  BallotSchema,
  fromJson,
  SetPrimaryRequestSchema,
  toJson,
  type Ballot,
  type SetPrimaryRequest,
} from '@multigres/rpc';
import { foreignPromise, malformedPromise, promiseNotKept } from '../errors.ts';

/** What one incarnation of the data directory has bound itself to. It only ever grows: a promise rises, attempts are added. */
export interface MemberRecord {
  readonly incarnation: string;
  /** Everything below is refused. Undefined: nothing was promised yet. */
  readonly promise: Ballot | undefined;
  /** Ballots under which it was about to be promoted; whether it was, its log may not tell. */
  readonly attempts: readonly Ballot[];
  /** What it may have acknowledged before it was rewound: it does not count until it has replayed past this LSN. */
  readonly floorLsn: bigint;
  /** Whom it follows, so that it goes on after a restart without being told again. */
  readonly following: SetPrimaryRequest | undefined;
}

/** What is known of an incarnation that was just drawn. */
export function freshRecord(incarnation: string, promise: Ballot | undefined): MemberRecord {
  return { incarnation, promise, attempts: [], floorLsn: 0n, following: undefined };
}

/**
 * `member.json`: durable, file and directory synced, before anything of it is answered. A record is written for an incarnation before its data
 * directory is made, so for the moment of a clone the file holds two; which one is meant, the data directory tells. A data directory that the
 * file does not know has lost its promises (or another one's file was put here): it must neither serve nor be recruited.
 */
export class PromiseFile {
  readonly #disk: Disk;
  readonly #path: string;
  #records: readonly MemberRecord[] = [];
  #current: MemberRecord | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#path = `${directory}/member.json`;
  }

  /** Reads the file, if there is one. Rejects with a PgError: 58030 if the disk fails, XX001 if it is no such file. */
  async load(): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#disk.read(this.#path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (error.code === 'notFound') return;
      throw promiseNotKept(this.#path, error);
    }
    this.#records = parse(this.#path, utf8Text(bytes));
  }

  /** The record of the data directory that there is. Undefined until `adopt`. */
  get current(): MemberRecord | undefined {
    return this.#current;
  }

  /** This is the data directory. Throws 55000 if the file does not know it. */
  adopt(incarnation: string): MemberRecord {
    const record = this.#records.find((each) => each.incarnation === incarnation);
    if (record === undefined) throw foreignPromise(this.#path, incarnation);
    this.#current = record;
    return record;
  }

  /** There is no data directory (any more). */
  forget(): void {
    this.#current = undefined;
  }

  /** Makes room for an incarnation that is about to be made. What it promised before, if it was prepared before, stays. */
  async prepare(incarnation: string, promise: Ballot | undefined): Promise<void> {
    const known = this.#records.find((each) => each.incarnation === incarnation) ?? freshRecord(incarnation, undefined);
    const next = { ...known, promise: laterBallot(known.promise, promise) };
    const kept = this.#records.filter((each) => each === this.#current && each.incarnation !== incarnation);
    await this.#write([...kept, next]);
  }

  /** Refuses what is below from now on. Resolves when that will survive. A promise that is lower than the one given changes nothing. */
  async promise(ballot: Ballot): Promise<void> {
    await this.#change((record) => ({ ...record, promise: laterBallot(record.promise, ballot) }));
  }

  /** It is about to be promoted under this ballot. */
  async attempt(ballot: Ballot): Promise<void> {
    await this.#change((record) => {
      const known = record.attempts.some((each) => compareBallots(each, ballot) === 0);
      return known ? record : { ...record, attempts: [...record.attempts, ballot] };
    });
  }

  /** Its log has the row of this ballot: it is that leader's, and what came of earlier attempts is known. */
  async settled(ballot: Ballot): Promise<void> {
    await this.#change((record) => {
      const attempts = record.attempts.filter((each) => compareBallots(each, ballot) >= 0);
      return attempts.length === record.attempts.length ? record : { ...record, attempts };
    });
  }

  /** It is about to lose what it has up to here. */
  async floor(lsn: bigint): Promise<void> {
    await this.#change((record) => ({ ...record, floorLsn: lsn > record.floorLsn ? lsn : record.floorLsn }));
  }

  async follows(following: SetPrimaryRequest | undefined): Promise<void> {
    await this.#change((record) => ({ ...record, following }));
  }

  async #change(change: (record: MemberRecord) => MemberRecord): Promise<void> {
    // One after the other: two that overlap would each write without the other's word.
    const before = this.#writing;
    const done = Promise.withResolvers<void>();
    this.#writing = done.promise;
    await before;
    try {
      const record = this.#current;
      if (record === undefined) throw foreignPromise(this.#path, '');
      const next = change(record);
      if (next !== record) await this.#write([next], next);
    } finally {
      done.resolve();
    }
  }

  async #write(records: readonly MemberRecord[], current?: MemberRecord): Promise<void> {
    try {
      await writeDurably(this.#disk, this.#path, utf8(format(records)));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      throw promiseNotKept(this.#path, error);
    }
    this.#records = records;
    if (current !== undefined) this.#current = current;
  }
}

/** Makes the directory of the file, if it is not there. Its name must survive as well as the file's. */
export async function makeDirectory(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.makeDirectory(directory);
    await disk.syncDirectory(directory.slice(0, Math.max(1, directory.lastIndexOf('/'))));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw promiseNotKept(directory, error);
  }
}

function laterBallot(a: Ballot | undefined, b: Ballot | undefined): Ballot | undefined {
  return compareBallots(a, b) < 0 ? b : a;
}

const formatVersion = 1;

function format(records: readonly MemberRecord[]): string {
  const members = records.map(({ incarnation, promise, attempts, floorLsn, following }) => ({
    incarnation,
    ...(promise && { promise: toJson(BallotSchema, promise) }),
    attempts: attempts.map((ballot) => toJson(BallotSchema, ballot)),
    floorLsn: String(floorLsn),
    ...(following && { following: toJson(SetPrimaryRequestSchema, following) }),
  }));
  return `${JSON.stringify({ version: formatVersion, members }, undefined, 2)}\n`;
}

type Json = Parameters<typeof fromJson>[1];

function parse(path: string, text: string): readonly MemberRecord[] {
  try {
    const { version, members } = JSON.parse(text) as { readonly version: number; readonly members: readonly Json[] };
    if (version !== formatVersion) throw new TypeError(`version ${version}`);
    return members.map(parseRecord);
  } catch (error) {
    throw malformedPromise(path, error);
  }
}

function parseRecord(json: Json): MemberRecord {
  const fields = json as { readonly [name: string]: Json };
  const { incarnation, promise, attempts, floorLsn, following } = fields;
  if (typeof incarnation !== 'string' || typeof floorLsn !== 'string' || !Array.isArray(attempts))
    throw new TypeError('a field is missing');
  return {
    incarnation,
    promise: promise === undefined ? undefined : fromJson(BallotSchema, promise),
    attempts: attempts.map((each) => fromJson(BallotSchema, each)),
    floorLsn: BigInt(floorLsn),
    following: following === undefined ? undefined : fromJson(SetPrimaryRequestSchema, following),
  };
}
