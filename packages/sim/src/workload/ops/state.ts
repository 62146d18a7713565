import type { Reply, Step } from '../pg-client.ts';
import { fateOf, type UserSession } from '../session.ts';

/** Settings that users change, with values that SHOW repeats letter by letter. */
const settings: Readonly<Record<string, readonly string[]>> = {
  work_mem: ['1MB', '2MB', '8MB'],
  statement_timeout: ['1h', '2h', '0'],
  TimeZone: ['UTC', 'Europe/Berlin'],
  extra_float_digits: ['0', '2', '3'],
};

/** Names of the settings that sessions compare. */
export const watchedSettings: readonly string[] = ['application_name', ...Object.keys(settings)];

export async function changeSetting(session: UserSession): Promise<void> {
  const name = session.random.pick(watchedSettings);
  if (session.random.chance(0.2)) return resetSetting(session, name);
  if (session.random.chance(0.2)) return failToSet(session, name);
  const value = name === 'application_name' ? session.tag() : session.random.pick(settings[name] as readonly string[]);
  const text = session.random.pick([
    `SET ${name} = '${value}'`,
    `SET ${name} TO '${value}'`,
    `SELECT set_config('${name}', '${value}', false)`,
  ]);
  const reply = await session.either(text, { effect: () => session.model.set(name, value) });
  if (fateOf(reply) === 'unknown') session.model.set(name, undefined);
}

/** A SET that fails, or that something later in its text undoes, changes nothing. */
async function failToSet(session: UserSession, name: string): Promise<void> {
  const value = name === 'application_name' ? session.tag() : session.random.pick(settings[name] as readonly string[]);
  const [text, sqlstate] = session.random.chance(0.5)
    ? [`SET ${name} = '${value}'; SELECT 1/0`, '22012']
    : ["SET work_mem = 'nonsense'", '22023'];
  const reply = await session.simple(text, { expected: [sqlstate] });
  if (fateOf(reply) === 'ok') session.wrong('answers', `${text} was no error`);
}

async function resetSetting(session: UserSession, name: string): Promise<void> {
  const all = session.random.chance(0.2);
  const reply = await session.either(all ? 'RESET ALL' : `RESET ${name}`, {
    effect: () => {
      if (all) session.model.resetAll('role');
      else session.model.reset(name);
    },
  });
  if (fateOf(reply) === 'unknown') for (const one of watchedSettings) session.model.set(one, undefined);
}

/** A session's settings are what it made them, whatever others did meanwhile. */
export async function lookAtSetting(session: UserSession): Promise<void> {
  const name = session.random.pick(watchedSettings);
  const expected = session.model.expected(name);
  const text = session.random.chance(0.5) ? `SHOW ${name}` : `SELECT current_setting('${name}')`;
  const reply = await session.either(text);
  if (expected !== undefined) session.expectValue('session isolation', text, reply, expected);
}

/** Somebody else for a while, who may do little: looks who one is, and becomes oneself again. */
export async function borrowRole(session: UserSession): Promise<void> {
  const { model, random } = session;
  const set = await session.either('SET ROLE staff', { effect: () => model.set('role', 'staff') });
  let good = fateOf(set) === 'ok';
  if (good && random.chance(0.3)) {
    const reset = await session.either('RESET ALL', { effect: () => model.resetAll('role') });
    good = fateOf(reset) === 'ok';
  }
  for (let looks = random.below(4); looks > 0 && good && !session.over; looks--) {
    if (random.chance(0.5)) await session.world.clock.sleep(random.below(50));
    const reply = await session.either('SELECT current_user');
    good = fateOf(reply) === 'ok';
    if (good) session.expectValue('session isolation', 'SELECT current_user', reply, 'staff');
  }
  if (session.over) return;
  const back = await session.either(random.chance(0.5) ? 'RESET ROLE' : 'SET ROLE NONE', {
    effect: () => model.set('role', 'none'),
  });
  if ((fateOf(back) !== 'ok' || !good) && !session.over) session.pg.drop();
}

/** Who never became somebody else is himself. */
export async function lookWhoIAm(session: UserSession): Promise<void> {
  const reply = await session.either('SELECT current_user');
  if (fateOf(reply) === 'ok') session.expectValue('session isolation', 'SELECT current_user', reply, 'app');
}

const statementNames = ['s1', 's2', 's3'] as const;

/** Named statements, all users with the same names: each must get its own. */
export async function usePrepared(session: UserSession): Promise<void> {
  const name = session.random.pick(statementNames);
  const known = session.model.prepared.get(name);
  if (known === undefined) await prepare(session, name);
  else if (session.random.chance(0.15)) await deallocate(session, name);
  else await executePrepared(session, name, known);
}

/** A Parse that is refused, and behind it, unanswered, another one under the same name: from then on the name stands for that, and for nothing else. */
export async function prepareAgain(session: UserSession): Promise<void> {
  const name = session.random.pick(statementNames);
  if (session.model.prepared.has(name)) return deallocate(session, name);
  const [mark, tag] = [session.tag(), session.tag()];
  // Closing what is not there is no error, and leaves no doubt about the name.
  const closed: readonly Step[] = session.random.chance(0.5) ? [{ kind: 'close', target: 'statement', name }] : [];
  const [refused, given] = session.pg.pipeline([
    [{ kind: 'parse', name, text: 'SELEC 3' }],
    [
      ...closed,
      { kind: 'parse', name, text: `SELECT '${mark} ' || $1::text` },
      { kind: 'bind', portal: '', statement: name, parameters: [tag] },
      { kind: 'execute', portal: '', rowsMax: 0 },
    ],
  ]) as [Promise<Reply>, Promise<Reply>];
  session.mark('client/pipeline sent');
  const expected = ['42601'];
  await session.judge(`Parse of nonsense as ${name}, with another one behind it`, refused, { expected });
  const effect = (): void => void session.model.prepared.set(name, mark);
  const reply = await session.judge(`Parse of ${name} behind one that was refused`, given, { effect });
  session.expectValue('session isolation', `Execute of ${name} behind a refused Parse`, reply, `${mark} ${tag}`);
  if (fateOf(reply) !== 'ok') {
    if (!session.over) session.pg.drop();
  } else if (!session.over) await executePrepared(session, name, mark);
}

/** An EXECUTE that may be refused before it runs: the statement is still there, by either way to it. */
export async function cancelPrepared(session: UserSession): Promise<void> {
  const name = session.random.pick(statementNames);
  const known = session.model.prepared.get(name);
  if (known === undefined) return prepare(session, name);
  const pending = session.simple(`EXECUTE ${name}('cancelled')`);
  session.cancel();
  session.expectValue('session isolation', `EXECUTE ${name}`, await pending, `${known} cancelled`);
  if (!session.over) await executePrepared(session, name, known);
}

async function prepare(session: UserSession, name: string): Promise<void> {
  if (session.random.chance(0.2)) {
    const steps: Step[] = [{ kind: 'bind', portal: '', statement: name, parameters: ['x'] }];
    const reply = await session.extended(`a statement ${name} that was never prepared`, steps, { expected: ['26000'] });
    if (fateOf(reply) === 'ok')
      session.wrong('session isolation', `statement ${name} exists, but this session never prepared it`);
    return;
  }
  if (session.random.chance(0.15)) {
    // A Parse that fails leaves no name behind.
    const steps: Step[] = [{ kind: 'parse', name, text: 'SELEC 2' }];
    await session.extended(`Parse of nonsense as ${name}`, steps, { expected: ['42601'] });
    return;
  }
  const mark = session.tag();
  const text = `SELECT '${mark} ' || $1::text`;
  const effect = (): void => void session.model.prepared.set(name, mark);
  const steps: Step[] = [{ kind: 'parse', name, text }];
  if (session.random.chance(0.5)) steps.push({ kind: 'describeStatement', name });
  const reply = await session.extended(`Parse of ${name}`, steps, { effect });
  if (fateOf(reply) === 'unknown' && !session.over) session.pg.drop();
}

async function executePrepared(session: UserSession, name: string, mark: string): Promise<void> {
  const tag = session.tag();
  if (session.random.chance(0.2)) {
    const reply = await session.simple(`EXECUTE ${name}('${tag}')`);
    session.expectValue('session isolation', `EXECUTE ${name}`, reply, `${mark} ${tag}`);
    return;
  }
  const steps: Step[] = [
    { kind: 'bind', portal: '', statement: name, parameters: [tag] },
    ...(session.random.chance(0.5) ? ([{ kind: 'describePortal', name: '' }] as const) : []),
    { kind: 'execute', portal: '', rowsMax: 0 },
  ];
  const reply = await session.extended(`Bind and Execute of ${name}`, steps);
  session.expectValue('session isolation', `Bind and Execute of ${name}`, reply, `${mark} ${tag}`);
}

async function deallocate(session: UserSession, name: string): Promise<void> {
  const effect = (): void => void session.model.prepared.delete(name);
  const reply = session.random.chance(0.5)
    ? await session.simple(`DEALLOCATE ${name}`, { effect })
    : await session.extended(`Close of ${name}`, [{ kind: 'close', target: 'statement', name }], { effect });
  if (fateOf(reply) !== 'ok' && !session.over) session.pg.drop();
}

/** A temporary table, all users with the same name: each must see its own rows, and none after a new login. */
export async function useTemporary(session: UserSession): Promise<void> {
  const { model } = session;
  if (model.temporary === undefined) {
    const reply = await session.simple('SELECT v FROM scratch', { expected: ['42P01'] });
    if (fateOf(reply) === 'ok')
      session.wrong('session isolation', 'a temporary table exists that this session never made');
    if (session.over) return;
    await session.simple('CREATE TEMPORARY TABLE scratch (v text)', { effect: () => (model.temporary = []) });
  } else if (session.random.chance(0.2)) {
    await session.simple('DROP TABLE scratch', { effect: () => (model.temporary = undefined) });
  } else await fillTemporary(session, model.temporary);
}

async function fillTemporary(session: UserSession, rows: string[]): Promise<void> {
  const tag = session.tag();
  const written = await session.either(`INSERT INTO scratch VALUES ('${tag}')`, { effect: () => void rows.push(tag) });
  if (fateOf(written) !== 'ok' || session.over) return;
  const reply = await session.either('SELECT v FROM scratch');
  if (fateOf(reply) !== 'ok') return;
  const found = reply.rows.map((row) => String(row[0])).toSorted();
  if (found.join() !== rows.toSorted().join())
    session.wrong('session isolation', `its temporary table has ${found.join()}, not ${rows.join()}`);
}

/** Advisory locks: exclusive while held, and never lost by a living session. */
export async function useLock(session: UserSession): Promise<void> {
  const { model } = session;
  const lock = 1 + session.random.below(4);
  if (!model.locks.has(lock)) {
    const reply = await session.either(`SELECT pg_try_advisory_lock(${lock})`);
    if (fateOf(reply) === 'ok' && reply.rows[0]?.[0] === 't') {
      model.locks.set(lock, 1);
      session.lockedSinceMs.set(lock, session.checks.nowMs());
    }
    return;
  }
  const sinceMs = session.lockedSinceMs.get(lock) ?? 0;
  const untilMs = session.checks.nowMs();
  model.locks.delete(lock);
  const reply = await session.either(`SELECT pg_advisory_unlock(${lock})`);
  if (fateOf(reply) !== 'ok') return;
  if (reply.rows[0]?.[0] !== 't') {
    session.wrong('session isolation', `advisory lock ${lock} was lost while the session lived`);
    return;
  }
  const clash = session.checks.locks.confirm(
    lock,
    `${session.client.name} (session ${session.client.sessions})`,
    sinceMs,
    untilMs,
  );
  if (clash !== undefined) session.wrong('session isolation', clash);
}

/** LISTEN and NOTIFY on a channel of the user's own. */
export async function useChannel(session: UserSession): Promise<void> {
  const channel = `ch_${session.client.name.replaceAll('-', '_')}`;
  const { listening } = session.model;
  if (!listening.has(channel)) {
    listening.add(channel);
    const reply = await session.either(`LISTEN ${channel}`, { expected: ['0A000'] });
    if (fateOf(reply) !== 'ok') listening.delete(channel);
  } else if (session.random.chance(0.3)) {
    await session.either(`UNLISTEN ${channel}`, { effect: () => void listening.delete(channel) });
  } else await session.either(`NOTIFY ${channel}, '${session.tag()}'`);
}

/** DISCARD ALL: like a new session. */
export async function discardAll(session: UserSession): Promise<void> {
  const { model } = session;
  const reply = await session.simple('DISCARD ALL', {
    effect: () => {
      model.resetAll();
      model.prepared.clear();
      if (model.changing !== undefined) model.changing = { ...model.changing, prepared: undefined };
      model.temporary = undefined;
      model.locks.clear();
      model.listening.clear();
    },
  });
  if (fateOf(reply) !== 'ok' && !session.over) session.pg.drop();
}
