import { unnamed, type Reply } from '../pg-client.ts';
import { fateOf, type Fate, type UserSession } from '../session.ts';

function newKey(session: UserSession): string {
  const key = session.tag();
  session.checks.ledger.intend(key, session.client.name);
  return key;
}

/** INSERT of a fresh key, simple or extended. Answers whether it was acknowledged. */
async function insert(session: UserSession, key: string): Promise<Fate> {
  const reply = session.random.chance(0.5)
    ? await session.simple(`INSERT INTO ledger (k, v) VALUES ('${key}', '${key}')`)
    : await session.extended(
        `INSERT of ${key}`,
        unnamed('INSERT INTO ledger (k, v) VALUES ($1, $2)', [key, key], session.random.chance(0.5)),
      );
  const fate = fateOf(reply);
  if (fate === 'ok' && reply.tags.join() !== 'INSERT 0 1')
    session.wrong('answers', `INSERT answered ${reply.tags.join()}`);
  return fate;
}

const outcome = { ok: 'acknowledged', failed: 'refused', unknown: 'unknown' } as const;

/** A write of this key. Answers its fate. */
export async function writeAloneAs(session: UserSession, key: string): Promise<Fate> {
  session.checks.ledger.intend(key, session.client.name);
  session.mark('client/write sent');
  const fate = await insert(session, key);
  session.checks.ledger.settle(key, outcome[fate]);
  if (fate === 'ok') session.mark('client/write acknowledged');
  return fate;
}

/** A write of its own, and often a look at it. Answers the fate of the write. */
export async function writeAlone(session: UserSession): Promise<Fate> {
  const key = session.tag();
  const fate = await writeAloneAs(session, key);
  if (fate !== 'ok' || session.over || session.random.chance(0.5)) return fate;
  const reply = await session.either(`SELECT v FROM ledger WHERE k = '${key}'`);
  session.expectValue('durability', `a look at ${key} after it was acknowledged`, reply, key);
  return fate;
}

/** So much of it fits into a log that it is longer than another one by more than a rule's row. */
const longChars = 3000;

/** A write that takes much of the log. */
export async function writeMuchText(session: UserSession): Promise<void> {
  const key = newKey(session);
  session.mark('client/write sent');
  const text = `INSERT INTO ledger (k, v) VALUES ('${key}', '${'x'.repeat(longChars)}')`;
  const fate = fateOf(await session.simple(text));
  session.checks.ledger.settle(key, outcome[fate]);
  if (fate === 'ok') session.mark('client/write acknowledged');
}

/** A write, and second thoughts: what waits for its quorum can only be answered honestly by "unknown". */
export async function writeCancelled(session: UserSession): Promise<void> {
  const key = newKey(session);
  session.model.cancelAsked = true;
  const delayMs = session.random.chance(0.5) ? session.random.below(30) : session.random.below(1500);
  const timer = session.world.clock.after(delayMs, () => session.cancel());
  const fate = await insert(session, key);
  timer.cancel();
  session.checks.ledger.settle(key, outcome[fate]);
  session.mark(`client/cancelled write ${fate}`);
}

/** Ways to ask for less durability than the shard promises. */
const lowering: readonly string[] = [
  'SET synchronous_commit = off',
  'SET synchronous_commit TO local',
  "SET synchronous_commit = 'remote_write'",
  "SELECT set_config('synchronous_commit', 'off', false)",
];

/** What a user is told who may not have that. */
const notLowered: readonly string[] = ['0A000', '42501', '22023'];

/** A write by somebody who does not care whether it survives: it must, once it is acknowledged. */
export async function writeCarelessly(session: UserSession): Promise<void> {
  await session.either(session.random.pick(lowering), { expected: notLowered });
  if (!session.over) await writeAlone(session);
}

/** Several writes, then COMMIT, ROLLBACK, or nothing: the user hangs up. */
export async function writeTogether(session: UserSession): Promise<void> {
  const begin = session.random.pick(['BEGIN', 'START TRANSACTION']);
  await session.either(begin, { effect: () => session.model.begin() });
  if (!session.model.inTransaction) return;
  let broken = false;
  for (let writes = 1 + session.random.below(3); writes > 0 && inside(session); writes--) {
    const key = newKey(session);
    session.transactionKeys.push(key);
    broken = (await insertInTransaction(session, key, broken)) || broken;
    if (!broken && inside(session) && session.random.chance(0.3)) broken = await settingInTransaction(session);
    if (session.random.chance(0.3)) await session.world.clock.sleep(session.random.below(100));
  }
  if (inside(session)) await end(session, broken);
  // What was never committed cannot be there, however the session ended.
  if (session.over) session.rolledBack(true);
}

function inside(session: UserSession): boolean {
  return !session.over && session.model.inTransaction;
}

/** Answers whether the transaction has failed. */
async function insertInTransaction(session: UserSession, key: string, broken: boolean): Promise<boolean> {
  if (broken) {
    const text = `INSERT INTO ledger (k, v) VALUES ('${key}', '${key}')`;
    const reply = await session.simple(text, { expected: ['25P02'] });
    if (fateOf(reply) === 'ok') session.wrong('answers', 'a statement succeeded in a failed transaction');
    return true;
  }
  if (session.random.chance(0.1)) {
    await session.either('SELECT 1/0', { expected: ['22012'] });
    return true;
  }
  return (await insert(session, key)) !== 'ok';
}

/** Settings that a savepoint undoes, or lets be. Answers whether the transaction has failed, by a late cancel say. */
async function settingAtSavepoint(session: UserSession): Promise<boolean> {
  let goBack = (): void => {};
  const steps: readonly (readonly [text: string, effect: () => void])[] = [
    ['SAVEPOINT here', () => (goBack = session.model.savepoint())],
    ["SET work_mem = '7MB'", () => session.model.set('work_mem', '7MB')],
    session.random.chance(0.6) ? ['ROLLBACK TO here', () => goBack()] : ['RELEASE here', () => {}],
  ];
  for (const [text, effect] of steps) {
    const reply = await session.either(text, { effect });
    if (fateOf(reply) !== 'ok' || session.over) return true;
  }
  return false;
}

async function settingInTransaction(session: UserSession): Promise<boolean> {
  if (session.random.chance(0.4)) return settingAtSavepoint(session);
  if (session.random.chance(0.2)) {
    const reply = await session.either('RESET work_mem', { effect: () => session.model.reset('work_mem') });
    return fateOf(reply) !== 'ok';
  }
  const value = session.tag();
  const local = session.random.chance(0.5);
  const reply = await session.either(`SET ${local ? 'LOCAL ' : ''}application_name = '${value}'`, {
    effect: () => {
      if (local) session.model.setLocal('application_name', value);
      else session.model.set('application_name', value);
    },
  });
  return fateOf(reply) !== 'ok';
}

async function end(session: UserSession, broken: boolean): Promise<void> {
  const how = session.random.below(10);
  if (how === 0) {
    if (session.random.chance(0.5)) session.pg.drop();
    else session.pg.terminate();
  } else if (how < 4) {
    await session.either('ROLLBACK', { effect: (reply) => ended(session, reply, ['ROLLBACK']) });
    // It was refused itself: cancelled before it began.
    if (inside(session)) session.pg.drop();
  } else {
    session.mark('client/commit sent');
    session.committing = true;
    await session.either('COMMIT', { effect: (reply) => ended(session, reply, [broken ? 'ROLLBACK' : 'COMMIT']) });
    if (!session.over) session.committing = false;
    // The COMMIT itself was refused (cancelled before it began, say): the transaction is still there, and has failed.
    if (inside(session)) await session.either('ROLLBACK', { effect: (reply) => ended(session, reply, ['ROLLBACK']) });
    if (inside(session)) session.pg.drop();
  }
}

/** The transaction has ended as the command's tag says. */
function ended(session: UserSession, reply: Reply, expected: readonly string[]): void {
  const tag = reply.tags.join();
  if (!expected.includes(tag)) session.wrong('answers', `${expected.join()} was answered with ${tag}`);
  if (tag === 'COMMIT') {
    session.model.commit();
    session.settleTransaction('acknowledged');
    session.mark('client/commit acknowledged');
  } else {
    session.model.rollback();
    session.settleTransaction('refused');
  }
}
