import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import { run } from '../machine/run.ts';
import type { Address } from '../peers/peer.ts';
import { Histogram } from './histogram.ts';

export type Mode = 'simple' | 'extended' | 'prepared';
export const modes: readonly Mode[] = ['simple', 'extended', 'prepared'];

/** `select`: one row by its key. `tpcb`: pgbench's default, seven statements in a transaction that writes. */
export type Workload = 'select' | 'tpcb';

/** A script of one's own, in pgbench's language. */
export interface ScriptFile {
  readonly script: string;
}

/** Where pgbench is, and where it may write its logs. */
export interface PgbenchProgram {
  readonly bin: string;
  readonly logFolder: string;
}

export interface PgbenchOptions {
  readonly program: PgbenchProgram;
  readonly address: Address;
  readonly workload: Workload | ScriptFile;
  readonly mode: Mode;
  readonly clients: number;
  /** Whole seconds: pgbench takes no others. */
  readonly seconds: number;
  /** Transactions a second to aim at, at random times; latency then counts from the time that was planned (`--rate`). */
  readonly perSecond?: number;
  /** Each transaction over a connection of its own (`--connect`). */
  readonly connects?: boolean;
  readonly identity?: { readonly user: string; readonly password?: string };
}

export interface PgbenchResult {
  readonly transactions: number;
  readonly tps: number;
  readonly failed: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Of many clients' transactions a tenth is logged: enough for a p99, and pgbench hardly feels it. */
const sampledFrom = 8;
const sampledShare = 0.1;

/** The arguments besides where to connect, as the report shows them. */
export function pgbenchArguments(options: Omit<PgbenchOptions, 'program' | 'address'>): string[] {
  const { workload, mode, clients, seconds, perSecond, connects } = options;
  const jobs = Math.min(clients, availableParallelism());
  return [
    ...[
      '-n',
      ...scriptArguments(workload),
      '-M',
      mode,
      '-c',
      String(clients),
      '-j',
      String(jobs),
      '-T',
      String(seconds),
    ],
    ...(perSecond === undefined ? [] : ['-R', String(perSecond)]),
    ...(connects === true ? ['-C'] : []),
  ];
}

function scriptArguments(workload: Workload | ScriptFile): string[] {
  if (typeof workload === 'object') return ['-f', workload.script];
  return workload === 'select' ? ['-S'] : [];
}

/** One run of plain pgbench against the `postgres` database. Throws a BenchError if it fails or clients are lost on the way. */
export async function pgbench(options: PgbenchOptions): Promise<PgbenchResult> {
  const { program, address, clients, seconds, identity = { user: 'postgres' } } = options;
  const folder = mkdtempSync(join(program.logFolder, 'l'));
  try {
    const sampling = clients < sampledFrom ? [] : ['--sampling-rate', String(sampledShare)];
    const output = await run({
      program: join(program.bin, 'pgbench'),
      args: [
        ...pgbenchArguments(options),
        ...['-l', '--log-prefix', join(folder, 'l'), ...sampling],
        ...['-h', address.host, '-p', String(address.port), '-U', identity.user, 'postgres'],
      ],
      ...(identity.password !== undefined && { env: { PGPASSWORD: identity.password } }),
      msMax: seconds * 1000 + 60_000,
    });
    return { ...parsePgbench(output), ...latencies(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads what pgbench says at its end. */
export function parsePgbench(output: string): Pick<PgbenchResult, 'transactions' | 'tps' | 'failed' | 'meanUs'> {
  const number = (pattern: RegExp): number => {
    const text = pattern.exec(output)?.[1];
    if (text === undefined)
      throw new BenchError('pgbench reports something that we do not know', { quoted: output.split('\n') });
    return Number(text);
  };
  // Without a single transaction there is nothing else.
  if (/^number of transactions actually processed: 0$/m.test(output))
    return { transactions: 0, tps: 0, failed: 0, meanUs: Number.NaN };
  return {
    transactions: number(/^number of transactions actually processed: (\d+)/m),
    tps: number(/^tps = ([\d.]+)/m),
    failed: number(/^number of failed transactions: (\d+)/m),
    meanUs: number(/^latency average = ([\d.]+) ms/m) * 1000,
  };
}

/** Of the per-transaction logs (documentation of pgbench, "Per-Transaction Logging"): the third field is the time in microseconds. */
function latencies(folder: string): Pick<PgbenchResult, 'p50Us' | 'p99Us'> {
  const histogram = new Histogram();
  for (const name of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, name), 'latin1').split('\n')) {
      if (line !== '') histogram.record(Number(line.split(' ', 3)[2]));
    }
  }
  return { p50Us: histogram.quantileUs(0.5), p99Us: histogram.quantileUs(0.99) };
}
