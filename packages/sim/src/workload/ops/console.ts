import type { Endpoint, NetworkError } from '@multigres/core';
import { ProtocolOracle } from '../../check/protocol-oracle.ts';
import { PgClient, type Reply } from '../pg-client.ts';
import { disturbances, fateOf, type SessionParts, type UserSession } from '../session.ts';

/** The database of the admin console, and who may do everything there. */
const database = 'multigres';
const operator = 'postgres';
/** Views ask everybody for at most 5 seconds. */
const patienceMs = 12_000;
/** Where a row of SHOW CLIENTS has the session's id: two columns behind it. */
const idFromEnd = -3;

type Visitor = Pick<SessionParts, 'world' | 'checks' | 'client'>;

function open(by: Visitor, endpoint: Endpoint, user: string): ReturnType<typeof PgClient.open> {
  const { world, checks, client } = by;
  return PgClient.open(world, {
    endpoint,
    parameters: [
      ['user', user],
      ['database', database],
    ],
    connectTimeoutMs: 3000,
    loginTimeoutMs: 10_000,
    oracle: new ProtocolOracle((sentence) => checks.fail('protocol', `${client.name} at the console: ${sentence}`)),
    notified: () => {},
  });
}

/** One statement over a connection of its own; undefined if there was no way to the console. An answer that makes no sense fails the run. */
async function ask(by: Visitor, endpoint: Endpoint, text: string, expected: RegExp): Promise<Reply | undefined> {
  const pg = await open(by, endpoint, operator);
  if ('refused' in pg) {
    const refusal = sqlstateOf(pg.refused);
    if (refusal !== undefined && !disturbances.test(refusal))
      by.checks.fail('console', `${by.client.name} was refused at the console with ${refusal}`);
    return undefined;
  }
  const timer = by.world.clock.after(patienceMs, () => pg.drop());
  const reply = await pg.query(text);
  timer.cancel();
  pg.terminate();
  const { error } = reply;
  if (error !== undefined && !expected.test(error.sqlstate) && !disturbances.test(error.sqlstate))
    by.checks.fail('console', `${text} was answered with ${error.sqlstate} ${error.message}`);
  return reply;
}

/** SHOW CLIENTS where the session is: it must be among them, and nobody twice. */
export async function lookAtClients(session: UserSession): Promise<void> {
  const reply = await ask(session, session.pg.endpoint, 'SHOW CLIENTS', /^$/);
  if (reply === undefined || fateOf(reply) !== 'ok') return;
  const ids = reply.rows.map((row) => row.at(idFromEnd));
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) session.wrong('console', `SHOW CLIENTS shows the session ${twice} twice`);
  const mine = String(session.pg.processId);
  if (session.over || ids.includes(mine)) return;
  // It may have ended without having heard so yet.
  const tag = session.tag();
  if (fateOf(await session.simple(`SELECT '${tag}'`)) === 'ok')
    session.wrong('console', `SHOW CLIENTS does not show the session ${mine}, which is alive`);
}

/** Who is not named must not come in. */
export async function knockAtConsole(session: UserSession): Promise<void> {
  const pg = await open(session, session.random.pick(session.endpoints), 'app');
  if (!('refused' in pg)) {
    session.wrong('console', 'somebody who may not was let in to the console');
    return pg.terminate();
  }
  const refusal = sqlstateOf(pg.refused);
  if (refusal !== undefined && refusal !== '42501' && !disturbances.test(refusal))
    session.wrong('console', `somebody who may not enter the console was told ${refusal}`);
}

/** KILL CLIENT of the own session, through any gateway: nothing of it is answered after that. */
export async function killMyself(session: UserSession): Promise<void> {
  const text = `KILL CLIENT ${session.pg.processId}`;
  // 42704: the gateway that has the session cannot be asked now.
  const reply = await ask(session, session.random.pick(session.endpoints), text, /^42704$/);
  if (reply === undefined || fateOf(reply) !== 'ok') return;
  const tag = session.tag();
  if (fateOf(await session.simple(`SELECT '${tag}'`)) === 'ok')
    session.wrong('console', 'a session that was killed goes on');
}

/** PAUSE, and RESUME a little later through any gateway: others wait, and notice nothing else. */
export async function pauseShortly(session: UserSession): Promise<void> {
  const { random, endpoints, world } = session;
  const paused = ask(session, random.pick(endpoints), 'PAUSE', /^57014$/);
  await world.clock.sleep(random.below(200));
  for (let tries = 0; tries < 100; tries++) {
    if (await resume(session, random.pick(endpoints))) break;
    await world.clock.sleep(100);
  }
  await paused;
}

/** Whether nothing is paused any more. */
export async function resume(by: Visitor, endpoint: Endpoint): Promise<boolean> {
  const reply = await ask(by, endpoint, 'RESUME', /^55000$/);
  return reply !== undefined && (fateOf(reply) === 'ok' || reply.error?.sqlstate === '55000');
}

function sqlstateOf(refused: Reply | NetworkError): string | undefined {
  return 'rows' in refused ? refused.error?.sqlstate : undefined;
}
