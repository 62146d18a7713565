import { registerKeys } from '../../check/consensus/registers.ts';
import { unnamed, type Reply } from '../pg-client.ts';
import { fateOf, type UserSession } from '../session.ts';

/** A write of a value that nobody else writes, to a row that everybody writes. */
export async function writeRegister(session: UserSession): Promise<void> {
  const key = session.random.pick(registerKeys);
  const value = session.tag();
  const beganMs = session.checks.nowMs();
  const settle = session.checks.registers.intend(key, session.client.name, value, beganMs);
  session.mark('client/write sent');
  const reply = session.random.chance(0.5)
    ? await session.simple(`UPDATE registers SET v = '${value}' WHERE k = '${key}'`)
    : await session.extended(
        `UPDATE of ${key} to ${value}`,
        unnamed('UPDATE registers SET v = $1 WHERE k = $2', [value, key], session.random.chance(0.5)),
      );
  const outcome = fateOf(reply);
  if (outcome === 'ok' && reply.tags.join() !== 'UPDATE 1') {
    session.wrong('durability', `an UPDATE of ${key}, which is there, answered ${reply.tags.join()}`);
  }
  if (outcome === 'ok') session.mark('client/write acknowledged');
  const endedMs = outcome === 'unknown' ? Number.POSITIVE_INFINITY : session.checks.nowMs();
  settle({ outcome, endedMs });
}

export async function readRegister(session: UserSession): Promise<void> {
  const key = session.random.pick(registerKeys);
  const beganMs = session.checks.nowMs();
  const reply = session.random.chance(0.5)
    ? await session.simple(`SELECT v FROM registers WHERE k = '${key}'`)
    : await session.extended(
        `a look at ${key}`,
        unnamed('SELECT v FROM registers WHERE k = $1', [key], session.random.chance(0.5)),
      );
  if (fateOf(reply) !== 'ok') return;
  const endedMs = session.checks.nowMs();
  const value = valueOf(session, key, reply);
  if (value !== undefined) session.checks.saw(value, session.client.name);
  session.checks.registers.note(key, { kind: 'read', client: session.client.name, value, beganMs, endedMs });
}

/** The row is there from the beginning, and empty. */
function valueOf(session: UserSession, key: string, { rows }: Reply): string | undefined {
  const [row] = rows;
  if (rows.length !== 1 || row?.length !== 1) {
    session.wrong('durability', `${key}, which is there, was read as ${JSON.stringify(rows)}`);
  }
  return row?.[0] ?? undefined;
}
