import { utf8, writeDurably, type World } from '@multigres/core';
import { malformedRecord } from './errors.ts';
import { readText } from './files.ts';
import type { Layout } from './layout.ts';

/** What pgctld remembers of its server, beside the data directory: what is copied or restored into that cannot change it. */
export interface ServerRecord {
  /** What the data directory is known by: 16 hexadecimal digits; empty before there was one. */
  readonly incarnation: string;
  /** Of the data directory; 0 before there was one. */
  readonly systemIdentifier: bigint;
  /** Every start is one as a standby. */
  readonly standby: boolean;
  /** Name, beside the data directory, of a complete one that takes its place: whoever finds this finishes that. */
  readonly swap: string | undefined;
  /** Name, beside the data directory's place, under which it is being rewound: from there it comes back complete or not at all. */
  readonly rewinding: string | undefined;
}

export const emptyRecord: ServerRecord = {
  incarnation: '',
  systemIdentifier: 0n,
  standby: false,
  swap: undefined,
  rewinding: undefined,
};

function recordText(record: ServerRecord): string {
  return `${JSON.stringify({ ...record, systemIdentifier: String(record.systemIdentifier) }, undefined, 2)}\n`;
}

const isName = (name: unknown): name is string | undefined =>
  name === undefined || (typeof name === 'string' && /^data\.[a-z]+\.[0-9a-f]+$/.test(name));

/** undefined if this was not written by us. */
export function parseRecord(text: string): ServerRecord | undefined {
  try {
    const fields = JSON.parse(text) as Readonly<Record<keyof ServerRecord, unknown>>;
    const { incarnation, systemIdentifier, standby, swap, rewinding } = fields;
    if (typeof incarnation !== 'string' || !/^(?:[0-9a-f]{16})?$/.test(incarnation)) return undefined;
    if (typeof systemIdentifier !== 'string' || !/^\d+$/.test(systemIdentifier)) return undefined;
    if (typeof standby !== 'boolean' || !isName(swap) || !isName(rewinding)) return undefined;
    return { incarnation, systemIdentifier: BigInt(systemIdentifier), standby, swap, rewinding };
  } catch {
    return undefined;
  }
}

/** The record and its file. One pgctld has it at a time: whoever holds the directory's lock. */
export class RecordKeeper {
  readonly #world: World;
  readonly #path: string;
  #record: ServerRecord;

  private constructor(world: World, path: string, record: ServerRecord) {
    this.#world = world;
    this.#path = path;
    this.#record = record;
  }

  /** Rejects with 58030 if the file is damaged. */
  static async open(world: World, layout: Layout): Promise<RecordKeeper> {
    const text = await readText(world, layout.record);
    const record = text === undefined ? emptyRecord : parseRecord(text);
    if (record === undefined) throw malformedRecord(layout.record);
    return new RecordKeeper(world, layout.record, record);
  }

  get record(): ServerRecord {
    return this.#record;
  }

  /** Durable when it resolves. */
  async change(change: Partial<ServerRecord>): Promise<void> {
    const next = { ...this.#record, ...change };
    await writeDurably(this.#world.disk, this.#path, utf8(recordText(next)));
    this.#record = next;
  }
}
