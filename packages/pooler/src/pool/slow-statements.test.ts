import { describe, expect, it } from 'vitest';
import { bind, execute, parses, sync, type FakeSession } from '../testing/fake-gateway.ts';
import type { FakeBackend } from '../testing/fake-postgres.ts';
import { house, type House } from '../testing/house.ts';

const slow = 1;
const fast = 2;

/** Sessions, and both statements have run once: the fast one at once, the other in `slowTakesMs`. */
async function acquainted(
  count: number,
  limits: Parameters<typeof house>[0] = {},
  slowTakesMs = 0,
): Promise<House & { readonly sessions: FakeSession[] }> {
  const made = await house({ slowMs: 2, sharedBackendsMax: 1, ...limits });
  made.gateway.define(slow, 'hang');
  made.gateway.define(fast, 'fast');
  const sessions: FakeSession[] = [];
  for (let i = 0; i < count; i++) sessions.push(await made.gateway.session());
  for (const id of [slow, fast]) {
    run(sessions[0], id);
    await (id === slow ? made.world.advance(slowTakesMs) : made.world.settle());
    goAll(made);
    await made.world.settle();
  }
  sessions[0]?.heard();
  return { ...made, sessions };
}

const run = (session: FakeSession | undefined, id: number): void =>
  session?.shared(parses(id), bind(id), execute, sync);
const goAll = ({ postgres }: House): void => {
  for (const backend of postgres.open) backend.go();
};
const answer = '1 2 C:DONE Z:I';
const slowAnswer = '1 2 C:HANG Z:I';
const ran = (backend: FakeBackend | undefined, what: string): number =>
  backend?.log.filter((line) => line === `E ${what}`).length ?? 0;

describe('a statement', () => {
  it('that nobody knows yet has nobody behind it', async () => {
    const { world, postgres, gateway, sessions } = await acquainted(2);
    gateway.define(3, 'hang of another kind');
    run(sessions[0], 3);
    run(sessions[1], fast);
    await world.settle();
    expect(sessions[1]?.heard()).toBe(answer);
    expect(postgres.open).toHaveLength(2);
  });

  it('that is known to be fast stands in line with others', async () => {
    const { world, postgres, sessions } = await acquainted(3);
    for (const session of sessions) run(session, fast);
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual([answer, answer, answer]);
    expect(postgres.open).toHaveLength(1);
  });

  it('that takes long unexpectedly loses those behind it to another backend, each is answered once, and it runs alone from then on', async () => {
    const made = await acquainted(3);
    const { world, postgres, sessions } = made;
    run(sessions[0], slow);
    await world.settle();
    run(sessions[1], fast);
    await world.settle();
    expect(postgres.open).toHaveLength(1);
    expect(sessions[1]?.heard()).toBe('');
    await world.advance(10);
    expect(sessions[1]?.heard()).toBe(answer);
    await world.advance(50);
    goAll(made);
    await world.settle();
    // Once where it stood first, unseen, and once elsewhere.
    expect(postgres.open.map((backend) => ran(backend, 'fast'))).toEqual([2, 1]);
    expect(sessions.map((session) => session.heard())).toEqual([slowAnswer, '', '']);
    run(sessions[0], slow);
    run(sessions[1], fast);
    run(sessions[2], fast);
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual(['1 2', answer, answer]);
  });

  it('that takes long keeps those behind it when there is no other place', async () => {
    const made = await acquainted(2, { poolBackendsMax: 1 });
    const { world, postgres, sessions } = made;
    run(sessions[0], slow);
    await world.settle();
    run(sessions[1], fast);
    await world.advance(100);
    goAll(made);
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual([slowAnswer, answer]);
    expect(ran(postgres.open[0], 'fast')).toBe(2);
  });

  it('that is slow by its history leaves a part of the pool to the fast ones', async () => {
    const made = await acquainted(7, { poolBackendsMax: 4 }, 50);
    const { world, postgres, sessions } = made;
    for (const session of sessions.slice(0, 5)) run(session, slow);
    await world.settle();
    for (const session of sessions.slice(5)) run(session, fast);
    await world.settle();
    expect(sessions.slice(5).map((session) => session.heard())).toEqual([answer, answer]);
    for (let i = 0; i < 5; i++) {
      goAll(made);
      await world.settle();
    }
    expect(sessions.slice(0, 5).map((session) => session.heard())).toEqual(Array.from({ length: 5 }, () => slowAnswer));
    expect(postgres.open.length).toBeLessThanOrEqual(4);
  });
});
