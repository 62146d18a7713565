import type { UserSession } from '../session.ts';

/** Nobody is looked at more seldom than that, and the news travels. */
const lateMs = 3_000;

/** Asks for nothing: where that is limited the session ends, and elsewhere it goes on. */
export async function beIdle(session: UserSession): Promise<void> {
  await idle(session, session.peace?.idleSessionMs ?? 0);
}

/** The same inside a transaction, which has a limit of its own. */
export async function beIdleInTransaction(session: UserSession): Promise<void> {
  await session.either('BEGIN', { effect: () => session.model.begin() });
  if (!session.model.inTransaction) return;
  await idle(session, session.peace?.idleInTransactionMs ?? 0);
  if (!session.over) await session.either('ROLLBACK', { effect: () => session.model.rollback() });
  // It was refused itself: cancelled before it began.
  if (!session.over && session.model.inTransaction) session.pg.drop();
  if (session.over) session.rolledBack(false);
}

async function idle(session: UserSession, limitMs: number): Promise<void> {
  const tooLong = limitMs > 0 && session.random.chance(0.5);
  const idleMs = tooLong ? limitMs + lateMs : session.random.below(Math.max(500, limitMs - 1_000));
  await session.world.clock.sleep(idleMs);
  if (tooLong && !session.over) session.wrong('timeouts', `nobody minds that the session was idle for ${idleMs} ms`);
}
