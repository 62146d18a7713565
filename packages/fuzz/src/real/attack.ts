import { createConnection } from 'node:net';
import { conversation, startup, startupPackets, type Texts } from '../generate/client-messages.ts';
import { join, type Dice } from '../generate/dice.ts';
import { cut, damage, mutated, tagged, untagged } from '../generate/mutate.ts';

const texts: Texts = {
  reads: [
    'select 1',
    "select repeat('x', 20000)",
    'select * from generate_series(1, 2000)',
    'select pg_sleep(0.01)',
    'select $1::text',
    'select nonsense',
    'select 1/0',
    '',
  ],
  others: [
    'begin',
    'commit',
    'rollback',
    'create temp table if not exists z (a int)',
    "set work_mem to '1MB'",
    "select set_config('fuzz.x', 'y', false)",
    'listen c',
    "notify c, 'p'",
    'declare h cursor with hold for select 1',
    'prepare p as select 1',
    'execute p',
    'discard all',
    'insert into fuzz values (1)',
    'select pg_advisory_lock_shared(1)',
    'savepoint s',
    "do $$ begin raise notice 'n'; end $$",
  ],
  copyIn: 'copy fuzz from stdin',
  copyOut: 'copy (select * from generate_series(1, 1000)) to stdout',
};

/** A client that stays longer than this is cut off. */
const patienceMs = 20_000;

/** One conversation, more or less, and how it is broken off. Answers how many bytes were said. */
export async function attack(port: number, dice: Dice): Promise<number> {
  const pieces = said(dice);
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const late = setTimeout(() => socket.destroy(), patienceMs);
  socket.on('error', () => {});
  // Some read slowly, or not at all.
  const reads = dice.chance(0.9);
  if (reads) socket.resume();
  socket.on('end', () => socket.end());
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()).once('close', () => resolve()));
  let bytes = 0;
  const slow = dice.chance(0.1);
  for (const piece of pieces.slice(0, slow ? 40 : pieces.length)) {
    if (socket.destroyed) break;
    bytes += piece.length;
    if (!socket.write(piece))
      await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve)), pause(1000)]);
    if (slow) await pause(dice.below(50));
  }
  await leave(socket, dice);
  if (!reads) socket.resume();
  await closed;
  clearTimeout(late);
  return bytes;
}

async function leave(socket: ReturnType<typeof createConnection>, dice: Dice): Promise<void> {
  if (dice.chance(0.5)) await pause(dice.below(30));
  switch (dice.below(3)) {
    case 0:
      socket.end();
      // Half-closed: it still listens for a while.
      await pause(dice.below(20));
      break;
    case 1:
      socket.resetAndDestroy();
      break;
    default:
  }
  socket.destroy();
}

function said(dice: Dice): Uint8Array[] {
  const who = { user: dice.chance(0.95) ? 'postgres' : 'nobody there', database: 'postgres' };
  const talk = conversation(texts, dice);
  if (dice.chance(0.15)) {
    const packets = startupPackets(who, dice).map((packet) =>
      dice.chance(0.7) ? damage(packet, untagged, dice) : packet,
    );
    return cut([...packets, ...talk], dice);
  }
  const violence = dice.pick(['none', 'order', 'bytes', 'bytes'] as const);
  return cut([startup(who), join(mutated(talk, tagged, violence, dice))], dice);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
