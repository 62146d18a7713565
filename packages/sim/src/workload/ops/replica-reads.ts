import { registerKeys } from '../../check/consensus/registers.ts';
import { fateOf, type UserSession } from '../session.ts';
import { writeAloneAs } from './writes.ts';

/**
 * Some reads and writes of a session that prefers replicas: it finds what it wrote, and nobody sees what may be lost. How old it is what it
 * sees of others is not judged.
 */
export async function readElsewhere(session: UserSession): Promise<void> {
  await session.simple("SET multigres.reads = 'prefer-replica'");
  for (let left = 1 + session.random.below(6); left > 0 && !session.over; left--) await oneMore(session);
  if (session.over) return;
  const reply = await session.simple('RESET multigres.reads');
  // Whoever does not know where it reads cannot judge what it finds there.
  if (fateOf(reply) !== 'ok' && !session.over) session.pg.terminate();
}

async function oneMore(session: UserSession): Promise<void> {
  const dice = session.random.below(10);
  if (dice < 3) return findOwn(session);
  if (dice < 5) return lookWhere(session);
  const key = session.random.pick(registerKeys);
  const { rows } = await session.either(`SELECT v FROM registers WHERE k = '${key}'`);
  const value = rows[0]?.[0] ?? undefined;
  if (value !== undefined) session.checks.saw(value, session.client.name);
}

/** At once, or when replicas may have it. */
async function findOwn(session: UserSession): Promise<void> {
  const key = session.tag();
  if ((await writeAloneAs(session, key)) !== 'ok') return;
  for (let looks = 1 + session.random.below(3); looks > 0 && !session.over; looks--) {
    if (session.random.chance(0.5)) await session.world.clock.sleep(session.random.below(700));
    const reply = await session.either(`SELECT v FROM ledger WHERE k = '${key}'`);
    session.expectValue('read your writes', `a look at ${key} by its own writer`, reply, key);
  }
}

async function lookWhere(session: UserSession): Promise<void> {
  const { rows } = await session.either('SELECT pg_is_in_recovery()');
  if (rows[0]?.[0] === 't') session.mark('client/read at a follower');
}
