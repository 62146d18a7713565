import { unnamed, type Reply, type Step } from '../pg-client.ts';
import { fateOf, type UserSession } from '../session.ts';

const outcome = { ok: 'acknowledged', failed: 'refused', unknown: 'unknown' } as const;
const copyText = 'COPY ledger (k, v) FROM STDIN';

/** Fresh keys by COPY: all of them or none, with rows that are long now and then, cut anywhere; sometimes the user gives up in the middle. */
export async function copyIn(session: UserSession): Promise<void> {
  const { random } = session;
  const keys = Array.from({ length: 1 + random.below(6) }, () => session.tag());
  for (const key of keys) session.checks.ledger.intend(key, session.client.name);
  // More than what one session may have on its way, now and then.
  const long = random.chance(0.05) ? 100_000 : random.chance(0.3) ? 3_000 : 0;
  const lines = keys.map((key) => `${key}\t${key}${'x'.repeat(long)}\n`).join('');
  const fails = random.chance(0.2);
  session.mark(fails ? 'client/copy failed' : 'client/copy sent');
  const data = cutAnywhere(lines, session).map((text) => ({ kind: 'copyData', text }) as const);
  const steps: Step[] = [...data, { kind: fails ? 'copyFail' : 'copyDone' }];
  const reply = await session.judge('a COPY', asked(session, steps), fails ? { expected: ['57014'] } : {});
  const fate = fateOf(reply);
  for (const key of keys) session.checks.ledger.settle(key, outcome[fate]);
  if (fate !== 'ok') return;
  if (fails) session.wrong('answers', 'a COPY that the client failed has succeeded');
  else if (reply.tags.join() !== `COPY ${keys.length}`)
    session.wrong('answers', `a COPY of ${keys.length} rows answered ${reply.tags.join()}`);
}

/** By Query, or in the extended protocol with everything before one Sync. */
function asked(session: UserSession, data: readonly Step[]): Promise<Reply> {
  if (session.random.chance(0.5)) return session.pg.copy(copyText, data);
  return session.pg.extended([...unnamed(copyText, [], false), ...data]);
}

function cutAnywhere(text: string, { random }: UserSession): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = Math.min(text.length, at + 1 + random.below(Math.max(20, Math.ceil(text.length / 2))));
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

/** Rows by COPY: all of them, and its own. */
export async function copyOut(session: UserSession): Promise<void> {
  const tag = session.tag();
  const rows = 1 + session.random.below(50);
  const reply = await session.either(`COPY (SELECT '${tag}' FROM generate_series(1, ${rows}) AS n) TO STDOUT`);
  if (fateOf(reply) !== 'ok') return;
  const good = reply.rows.length === rows && reply.rows.every(([value]) => value === tag);
  if (!good) session.wrong('cross-talk', `${rows} copies of ${tag} were asked for, ${reply.rows.length} rows came`);
}

/** A parameter that is too long to be held on the way: it comes back whole. */
export async function readLongParameter(session: UserSession): Promise<void> {
  const value = `${session.tag()} ${'p'.repeat(length(session))}`;
  const reply = await session.extended('a long parameter', unnamed('SELECT $1::text', [value], false));
  compare(session, 'a long parameter', reply, value);
}

/** The same with the text of a statement. */
export async function readLongText(session: UserSession): Promise<void> {
  const value = `${session.tag()} ${'t'.repeat(length(session))}`;
  compare(session, 'a long text', await session.either(`SELECT '${value}'`), value);
}

/** Some gateways hold messages of 2 kB at most. */
function length({ random }: UserSession): number {
  return 1000 + random.below(random.chance(0.05) ? 300_000 : 6_000);
}

function compare(session: UserSession, what: string, reply: Reply, value: string): void {
  if (fateOf(reply) !== 'ok') return;
  const answer = reply.rows[0]?.[0] ?? '';
  if (answer !== value)
    session.wrong(
      'cross-talk',
      `${what} of ${value.length} characters came back as ${answer.length}: ${answer.slice(0, 40)}`,
    );
}
