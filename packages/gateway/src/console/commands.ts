import { PgError } from '@multigres/core';
import type { PgNotice } from '@multigres/pgwire';
import type { ConsoleCommand } from '@multigres/relay';
import { consoleCommandNotKnown, noSuchClient, noSuchGateway } from '../errors.ts';
import type { Hub } from './hub.ts';
import { warning } from './outcome.ts';

/** What the process around a gateway can do for who operates it. What is not there is refused (0A000). */
export interface GatewayOperator {
  /** Reads the configuration again. Answers remarks, empty if there are none; rejects with a PgError if it cannot be used. */
  readonly reload?: () => Promise<string>;
  /** Leaves in peace: begins it, and does not wait. */
  readonly drain?: () => void;
  /** Stops at once: begins it, and does not wait. */
  readonly shutdown?: () => void;
}

/** A gateway, as commands see it. */
export interface CommandedGateway {
  readonly id: string;
  readonly operator: GatewayOperator;
  /** Ends the session with this id (57P01); false if it is not here. */
  killClient(id: string): boolean;
}

/** PAUSE waits for transactions to end, however long they take: whoever gives it up cancels it. */
const pauseMs = 24 * 3_600_000;
const commandMs = 30_000;

/** Does what a command asks for, here, at the pooler, and at other gateways. Throws a PgError if it was refused; notices tell the rest. */
export async function runCommand(command: ConsoleCommand, gateway: CommandedGateway, hub: Hub): Promise<PgNotice[]> {
  switch (command.verb) {
    case 'pause':
      return await atPooler(command, hub, pauseMs);
    case 'resume':
    case 'kill':
    case 'reconnect':
      return await atPooler(command, hub, commandMs);
    case 'reload':
      return await reload(command, gateway, hub);
    case 'killClient':
      if (await anywhere(command, gateway, hub)) return [];
      throw noSuchClient(command.target ?? '');
    case 'drain':
    case 'shutdown':
      if (await anywhere(command, gateway, hub)) return [];
      throw noSuchGateway(command.target ?? '');
  }
}

/** What another gateway asks of this one. Throws a PgError to refuse. Answers `done` if it was this one's to do. */
export async function obey(command: ConsoleCommand, gateway: CommandedGateway): Promise<string> {
  if (command.verb === 'reload') return await reloadHere(gateway);
  return doHere(command, gateway) ? done : '';
}

const done = 'done';

/** Whether it was this gateway's to do. */
function doHere({ verb, target }: ConsoleCommand, gateway: CommandedGateway): boolean {
  if (verb === 'killClient') return gateway.killClient(target ?? '');
  if (verb !== 'drain' && verb !== 'shutdown') throw consoleCommandNotKnown(verb);
  if (target !== undefined && target !== gateway.id) return false;
  const run = gateway.operator[verb];
  if (run === undefined) throw consoleCommandNotKnown(verb);
  run();
  return true;
}

async function reloadHere({ operator }: CommandedGateway): Promise<string> {
  if (operator.reload === undefined) throw consoleCommandNotKnown('reload');
  return await operator.reload();
}

async function atPooler(command: ConsoleCommand, hub: Hub, deadlineMs: number): Promise<PgNotice[]> {
  const { errors } = await hub.command('peer', command, deadlineMs);
  if (errors[0] !== undefined) throw errors[0];
  return [];
}

/** Here if it is ours to do, else by whoever of the others has it. */
async function anywhere(command: ConsoleCommand, gateway: CommandedGateway, hub: Hub): Promise<boolean> {
  if (doHere(command, gateway)) return true;
  const { errors, remarks } = await hub.command('others', command, commandMs);
  if (remarks.includes(done)) return true;
  if (errors[0] !== undefined) throw errors[0];
  return false;
}

/** Everybody reads again; who could not is named, and the rest has done it all the same. */
async function reload(command: ConsoleCommand, gateway: CommandedGateway, hub: Hub): Promise<PgNotice[]> {
  const remark = await reloadHere(gateway);
  const others = await hub.command('others', command, commandMs);
  const pooler = await hub.command('peer', command, commandMs);
  const remarks = [remark, ...others.remarks, ...pooler.remarks].filter((text) => text !== '');
  return [
    ...remarks.map((text): PgNotice => ({ severity: 'NOTICE', sqlstate: '00000', message: text })),
    ...[...others.errors, ...pooler.errors].map((error: PgError) => warning(error.sqlstate, error.message)),
  ];
}
