import { slowText } from '../../assembly/postgres-node.ts';
import { unnamed, type Reply, type Step } from '../pg-client.ts';
import { fateOf, type UserSession } from '../session.ts';

/** All keys: what this user was told is written must be among them, and nothing twice. An answer of many packets. */
export async function readLedger(session: UserSession): Promise<void> {
  const mine = session.checks.ledger.acknowledgedOf(session.client.name);
  const reply = await session.either('SELECT k FROM ledger');
  if (fateOf(reply) !== 'ok') return;
  const found = new Set(reply.rows.map((row) => row[0]));
  const missing = mine.find((key) => !found.has(key));
  if (missing !== undefined)
    session.wrong('durability', `its acknowledged write ${missing} is not in the ledger that it reads`);
  if (found.size < reply.rows.length) session.wrong('durability', 'a key is in the ledger twice');
}

/** A literal comes back: replies belong to who asked. */
export async function readTag(session: UserSession): Promise<void> {
  const tag = session.tag();
  const reply = await session.simple(`SELECT '${tag}'`);
  session.expectValue('cross-talk', `SELECT '${tag}'`, reply, tag);
}

/** The same, by a statement that takes long: those who ask for something else should not notice. */
export async function readLong(session: UserSession): Promise<void> {
  const tag = session.tag();
  const reply = await session.simple(`SELECT '${tag}'${slowText}`, { takesLong: true });
  session.expectValue('cross-talk', `SELECT '${tag}', slowly,`, reply, tag);
}

/** A parameter comes back, through the unnamed statement. */
export async function readParameter(session: UserSession): Promise<void> {
  const tag = session.tag();
  const reply = await session.extended(
    `SELECT $1 of ${tag}`,
    unnamed('SELECT $1::text', [tag], session.random.chance(0.7)),
  );
  session.expectValue('cross-talk', `SELECT $1 of ${tag}`, reply, tag);
}

/** Two statements in one simple query. */
export async function readTwice(session: UserSession): Promise<void> {
  const [one, two] = [session.tag(), session.tag()];
  const reply = await session.simple(`SELECT '${one}'; SELECT '${two}'`);
  if (fateOf(reply) !== 'ok') return;
  const rows = JSON.stringify(reply.rows);
  if (rows !== JSON.stringify([[one], [two]])) session.wrong('cross-talk', `two statements answered ${rows}`);
}

/** Groups without waiting in between; one of them may be wrong, and then only that one fails. */
export async function readPipeline(session: UserSession): Promise<void> {
  const tags = Array.from({ length: 2 + session.random.below(4) }, () => session.tag());
  const bad = session.random.chance(0.4) ? session.random.below(tags.length) : -1;
  const groups = tags.map((tag, i) =>
    i === bad ? unnamed('SELECT 1/0', [], false) : unnamed('SELECT $1::text', [tag], true),
  );
  session.mark('client/pipeline sent');
  const pending = session.pg.pipeline(groups);
  for (const [i, tag] of tags.entries()) {
    const reply = await session.judge(
      `group ${i} of a pipeline`,
      pending[i] as Promise<Reply>,
      i === bad ? { expected: ['22012'] } : {},
    );
    if (i !== bad) session.expectValue('cross-talk', `group ${i} of a pipeline`, reply, tag);
    else if (fateOf(reply) === 'ok') session.wrong('answers', 'a division by zero was no error');
  }
}

/** Rows in portions: the portal stays open between Executes of one group. */
export async function readPortions(session: UserSession): Promise<void> {
  const steps: Step[] = [
    { kind: 'parse', name: '', text: 'SELECT n FROM generate_series(1, 5) AS n' },
    { kind: 'bind', portal: '', statement: '', parameters: [] },
    { kind: 'execute', portal: '', rowsMax: 2 },
    { kind: 'execute', portal: '', rowsMax: 2 },
    { kind: 'execute', portal: '', rowsMax: 0 },
  ];
  const reply = await session.extended('five rows in portions', steps);
  if (fateOf(reply) !== 'ok') return;
  const rows = reply.rows.map((row) => row[0]).join(' ');
  if (rows !== '1 2 3 4 5') session.wrong('answers', `five rows in portions answered ${rows}`);
}

/** A long answer, read slowly: only this session may be held up by that. */
export async function readSlowly(session: UserSession): Promise<void> {
  // Now and then more than all windows on the way hold together.
  const rows = session.random.chance(0.12) ? 400 + session.random.below(400) : 20 + session.random.below(100);
  session.mark('client/reads slowly');
  session.pg.stall();
  session.world.clock.after(100 + session.random.below(1500), () => session.pg.unstall());
  const reply = await session.simple(`SELECT repeat('x', 1000) FROM generate_series(1, ${rows}) AS n`);
  session.pg.unstall();
  if (fateOf(reply) !== 'ok') return;
  const good = reply.rows.length === rows && reply.rows.every((row) => row[0]?.length === 1000);
  if (!good) session.wrong('answers', `${rows} long rows were asked for, ${reply.rows.length} came`);
}

/** An answer of several packets, read as it comes: when its way breaks off, it must not begin anew in the middle. */
export async function readRows(session: UserSession): Promise<void> {
  const rows = 5 + session.random.below(60);
  const reply = await session.either(`SELECT repeat('x', 1000) FROM generate_series(1, ${rows}) AS n`);
  if (fateOf(reply) !== 'ok') return;
  if (reply.rows.length !== rows) session.wrong('answers', `${rows} rows were asked for, ${reply.rows.length} came`);
}

/** One message that is longer than what anybody on the way keeps whole; often read slowly, so that much can happen in the middle of it. */
export async function readLarge(session: UserSession): Promise<void> {
  const characters = 70_000 + session.random.below(session.random.chance(0.1) ? 1_500_000 : 400_000);
  const slow = session.random.chance(0.7);
  if (slow) {
    session.mark('client/reads slowly');
    session.pg.stall();
    session.world.clock.after(20 + session.random.below(1000), () => session.pg.unstall());
  }
  const reply = await session.either(`SELECT repeat('z', ${characters})`);
  session.pg.unstall();
  const brokenOff = reply.status === undefined && reply.rows.length === 0;
  if (brokenOff && /z{16}[^z]/.test(session.pg.lastWords))
    session.wrong('protocol', 'something was written into the middle of a message that was broken off');
  if (fateOf(reply) !== 'ok') return;
  const length = reply.rows[0]?.[0]?.length;
  if (reply.rows.length !== 1 || length !== characters)
    session.wrong('answers', `${characters} characters were asked for, ${length} came`);
}

/** Errors of the statement itself come through unchanged. */
export async function readError(session: UserSession): Promise<void> {
  const [text, sqlstate] = session.random.pick([
    ['SELECT 1/0', '22012'],
    ['SELEC 1', '42601'],
    ['SELECT * FROM nowhere', '42P01'],
  ] as const);
  const reply = await session.either(text, { expected: [sqlstate] });
  if (fateOf(reply) === 'ok') session.wrong('answers', `${text} was no error`);
}

/** Much to send at once: more than the windows on the way take, so that the client is stopped and let go on. */
export async function readMuch(session: UserSession): Promise<void> {
  const characters = 20_000 + session.random.below(60_000);
  const text = 'y'.repeat(characters);
  const groups = Array.from({ length: 6 }, () => unnamed('SELECT length($1::text)', [text], false));
  for (const [i, pending] of session.pg.pipeline(groups).entries()) {
    const reply = await session.judge(`length of a long text, group ${i}`, pending, {});
    session.expectValue('answers', `length of a long text, group ${i}`, reply, String(characters));
  }
}

/** Asks, and hangs up before the answer is there: nobody else may get it. */
export async function readAndHangUp(session: UserSession): Promise<void> {
  const text = session.random.pick([`SELECT '${session.tag()}'`, `SELECT pg_sleep(0.1); SELECT '${session.tag()}'`]);
  const pending = session.simple(text);
  await session.world.clock.sleep(session.random.below(8));
  if (session.random.chance(0.5)) session.pg.drop();
  else session.pg.terminate();
  await pending;
}

/** A short query and a cancel that comes too late, unless others keep the query waiting: it must hit nobody else. */
export async function readCancelledLate(session: UserSession): Promise<void> {
  const tag = session.tag();
  const pending = session.either(`SELECT '${tag}'`);
  if (session.random.chance(0.3)) await session.world.clock.sleep(session.random.below(10));
  session.cancel();
  session.expectValue('cross-talk', `SELECT '${tag}'`, await pending, tag);
}

/** A long query, and a cancel while it runs. It ends at once, or in good order if the cancel came too late. */
export async function readCancelled(session: UserSession): Promise<void> {
  const tag = session.tag();
  const text = `SELECT pg_sleep(${session.random.pick(['0.02', '0.5', '20'])}); SELECT '${tag}'`;
  const pending = session.simple(text);
  await session.world.clock.sleep(session.random.below(30));
  session.cancel();
  const reply = await pending;
  if (fateOf(reply) !== 'ok') return;
  const rows = JSON.stringify(reply.rows);
  if (rows !== JSON.stringify([[''], [tag]])) session.wrong('cross-talk', `${text} answered ${rows}`);
}
