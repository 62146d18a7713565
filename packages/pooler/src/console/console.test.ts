import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import {
  BodyReader,
  consoleTopic,
  decodeTable,
  encodeConsoleCommand,
  encodeViewAsked,
  type Answer,
  type ConsoleCommand,
} from '@multigres/relay';
import { PinReason } from '@multigres/sql';
import { describe, expect, it } from 'vitest';
import { defaultPoolerLimits } from '../config.ts';
import { startPooler } from '../pooler.ts';
import { FakeGateway } from '../testing/fake-gateway.ts';
import { FakePostgres } from '../testing/fake-postgres.ts';
import { poolerTables } from './tables.ts';

const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };

async function house(): Promise<{ readonly world: QuietWorld; readonly gateway: FakeGateway }> {
  const world = quietWorld();
  const postgres = await FakePostgres.start(world);
  const limits = { ...defaultPoolerLimits, poolBackendsMax: 1 };
  await startPooler(world, { id: 'pooler', relay, postgres: postgres.endpoint, limits });
  return { world, gateway: await FakeGateway.connect(world, relay) };
}

/** The rows of a view as records. */
async function view(world: QuietWorld, gateway: FakeGateway, name: string): Promise<Record<string, string | null>[]> {
  const body = encodeViewAsked(name);
  const [answer] = await world.until(
    gateway.link.ask({ to: 'peer', topic: consoleTopic.view, body, deadlineMs: 1000 }),
  );
  if (answer === undefined || 'error' in answer) throw answer?.error ?? new Error('no answer');
  const { columns, rows } = decodeTable(new BodyReader(answer.body));
  return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column.name, row[at] ?? null])));
}

async function command(world: QuietWorld, gateway: FakeGateway, what: ConsoleCommand): Promise<Answer | undefined> {
  const body = encodeConsoleCommand(what);
  const question = { to: 'peer', topic: consoleTopic.command, body, deadlineMs: 1000 } as const;
  return (await world.until(gateway.link.ask(question)))[0];
}

describe('what an admin console is told', () => {
  it('of pools: who is there, who waits and for how long, what the backends do, one row for a user in a database', async () => {
    const { world, gateway } = await house();
    const [holder, waiter] = [await gateway.session(), await gateway.session()];
    await gateway.session({ settings: [['post_auth_delay', '0']] });
    holder.query('begin');
    await world.settle();
    waiter.query('one');
    await world.advance(1500);
    expect(await view(world, gateway, 'pools')).toMatchObject([
      {
        database: 'd',
        user: 'u',
        cl_active: '2',
        cl_waiting: '1',
        sv_active: '1',
        sv_idle: '1',
        maxwait: '1',
        maxwait_us: '500000',
      },
    ]);
  });

  it('of sessions: those that hold something, wait for something, or are pinned, and no others', async () => {
    const { world, gateway } = await house();
    const [holder, waiter] = [await gateway.session(), await gateway.session()];
    await gateway.session();
    holder.pin(PinReason.listen);
    holder.query('begin');
    await world.settle();
    waiter.query('one');
    await world.advance(250);
    expect(await view(world, gateway, 'sessions')).toMatchObject([
      { gateway: 'gateway', channel: String(holder.id), state: 'active', pins: String(PinReason.listen) },
      { channel: String(waiter.id), state: 'waiting', wait_ms: '250', remote_pid: null, pins: '0' },
    ]);
  });

  it('of servers: who holds which backend', async () => {
    const { world, gateway } = await house();
    const holder = await gateway.session();
    expect(await view(world, gateway, 'servers')).toMatchObject([{ state: 'idle', link_channel: null }]);
    holder.query('begin');
    await world.settle();
    expect(await view(world, gateway, 'servers')).toMatchObject([
      {
        type: 'S',
        user: 'u',
        database: 'd',
        state: 'active',
        link_gateway: 'gateway',
        link_channel: String(holder.id),
      },
    ]);
  });

  it('every view can be asked for, and one that is none is refused', async () => {
    const { world, gateway } = await house();
    await gateway.session();
    for (const name of poolerTables.keys()) await expect(view(world, gateway, name)).resolves.toBeInstanceOf(Array);
    await expect(view(world, gateway, 'weather')).rejects.toMatchObject({ sqlstate: '0A000' });
  });

  it('commands that the pooler cannot do are refused, not swallowed', async () => {
    const { world, gateway } = await house();
    const answer = await command(world, gateway, { verb: 'drain' });
    expect(answer).toMatchObject({ error: { sqlstate: '0A000', message: 'this pooler cannot drain' } });
  });
});
