import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Machine } from './machine/machine.ts';
import type { Peer, Transport } from './peers/peer.ts';

/** A parser of whole numbers from `min` to `max`. */
export function count(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`"${text}" is not a whole number from ${min} to ${max}.`);
  };
}

/** A parser of lists such as `1,8,64`. */
export function countList(min: number, max: number): (text: string) => number[] {
  return (text) => text.split(',').map(count(min, max));
}

/** Tells people how far it is; standard output is for the report. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** As it was typed. */
export const shownCommand = (): string => ['./mg bench', ...process.argv.slice(2)].join(' ');

/** What every suite takes. */
export interface SuiteFlags {
  readonly quick?: boolean;
  readonly json?: string;
  readonly out?: string;
  readonly transport: Transport;
}

export function addSuiteOptions(command: Command): Command {
  return command
    .option('--quick', 'under two minutes, for a first impression')
    .option('--json <file>', 'write every single run to a file')
    .option('--out <file>', 'write the report to a file, too')
    .addOption(new Option('--transport <kind>', 'of all connections').choices(['tcp', 'unix']).default('tcp'));
}

/** Every single run, for programs. Does nothing without a file. */
export function writeRuns(
  file: string | undefined,
  suite: string,
  machine: Machine,
  plan: object,
  { peers, ...outcome }: { readonly peers: readonly Peer[] },
): void {
  if (file === undefined) return;
  const told = peers.map(({ id, title, version, settings, command }) => ({ id, title, version, settings, command }));
  writeFileSync(file, `${JSON.stringify({ suite, machine, plan, peers: told, ...outcome }, undefined, 1)}\n`);
}
