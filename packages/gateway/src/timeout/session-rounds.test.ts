import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { beforeEach, expect, test } from 'vitest';
import { SessionRounds, type Watched } from './session-rounds.ts';
import type { SessionTimeouts } from './session-timeout.ts';

const none: SessionTimeouts = { idleSessionMs: 0, idleInTransactionMs: 0, statementMs: 0, transactionMs: 0 };

/** Notes when it was first seen to have been idle for so long. */
class Idler implements Watched {
  stampMs: number;
  endedMs: number | undefined;
  looks = 0;
  readonly #world: QuietWorld;
  readonly #limitMs: number;

  constructor(world: QuietWorld, limitMs: number, stampMs: number) {
    this.#world = world;
    this.#limitMs = limitMs;
    this.stampMs = stampMs;
  }

  lookAt(nowMs: number, fromMs: number): void {
    this.looks += 1;
    if (nowMs - Math.max(fromMs, this.stampMs) >= this.#limitMs) this.endedMs ??= this.#world.clock.nowMs();
  }
}

let world: QuietWorld;
let sessions: Set<Watched>;

beforeEach(() => {
  world = quietWorld();
  sessions = new Set();
});

test('nobody is looked at without a limit, and there is no timer', async () => {
  const rounds = new SessionRounds(world.clock, sessions, none);
  const idler = new Idler(world, 1, rounds.coarseMs);
  sessions.add(idler);
  await world.advance(60_000);
  expect([idler.looks, rounds.coarseMs]).toEqual([0, 0]);
});

test.each([50, 400, 5_000, 60_000])('a limit of %i ms is noticed soon after, and not before', async (idleSessionMs) => {
  const rounds = new SessionRounds(world.clock, sessions, { ...none, idleSessionMs });
  const idlers: { readonly idler: Idler; readonly sinceMs: number }[] = [];
  for (let i = 0; i < 25; i++) {
    const idler = new Idler(world, idleSessionMs, rounds.coarseMs);
    sessions.add(idler);
    idlers.push({ idler, sinceMs: world.clock.nowMs() });
    await world.advance(37);
  }
  await world.advance(idleSessionMs + 4_000);
  const roundMs = Math.min(1_000, Math.max(20, idleSessionMs / 4));
  for (const { idler, sinceMs } of idlers) {
    const tookMs = (idler.endedMs ?? Infinity) - sinceMs;
    expect(tookMs).toBeGreaterThanOrEqual(idleSessionMs);
    expect(tookMs).toBeLessThanOrEqual(idleSessionMs + 1.6 * roundMs);
  }
});

test('time in which the process stood still does not count', async () => {
  const clock = { ...clockOf(world), aheadMs: 0 };
  const rounds = new SessionRounds(clock, sessions, { ...none, idleSessionMs: 10_000 });
  const idler = new Idler(world, 10_000, rounds.coarseMs);
  sessions.add(idler);
  await world.advance(1_000);
  clock.aheadMs = 3_600_000;
  await world.advance(5_000);
  expect(idler.endedMs).toBeUndefined();
  await world.advance(6_000);
  expect(idler.endedMs).toBeDefined();
});

test('who was there before the limit begins to be idle when it is set', async () => {
  const rounds = new SessionRounds(world.clock, sessions, none);
  const idler = new Idler(world, 1_000, rounds.coarseMs);
  sessions.add(idler);
  await world.advance(60_000);
  rounds.adjust({ ...none, idleSessionMs: 1_000 });
  await world.advance(900);
  expect(idler.endedMs).toBeUndefined();
  await world.advance(900);
  expect(idler.endedMs).toBeDefined();
  rounds.adjust(none);
  const { looks } = idler;
  await world.advance(60_000);
  expect(idler.looks).toBe(looks);
});

test('of many sessions a step looks at a tenth, and a round at all, while they come and go', async () => {
  const rounds = new SessionRounds(world.clock, sessions, { ...none, idleSessionMs: 60_000 });
  const idlers = Array.from({ length: 100 }, () => new Idler(world, 60_000, rounds.coarseMs));
  for (const idler of idlers) sessions.add(idler);
  await world.advance(100);
  expect(idlers.filter(({ looks }) => looks > 0)).toHaveLength(10);
  for (const idler of idlers.slice(0, 50)) sessions.delete(idler);
  await world.advance(2_200);
  expect(idlers.slice(50).every(({ looks }) => looks > 0)).toBe(true);
});

/** The world's clock, which can be set ahead. */
function clockOf({ clock }: QuietWorld): QuietWorld['clock'] & { aheadMs: number } {
  return {
    aheadMs: 0,
    nowMs() {
      return clock.nowMs() + this.aheadMs;
    },
    wallMs: () => clock.wallMs(),
    after: (ms, run) => clock.after(ms, run),
    soon: (run) => clock.soon(run),
    sleep: (ms) => clock.sleep(ms),
  };
}
