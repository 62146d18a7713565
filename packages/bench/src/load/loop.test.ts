import { quietWorld } from '@multigres/core/quiet';
import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';
import { Loop, type Arrival, type Lane, type LoopClock, type LoopResult } from './loop.ts';

interface Server {
  readonly serviceMs: number;
  /** Answers nothing in this time, and catches up afterwards. */
  readonly stall?: readonly [fromMs: number, toMs: number];
}

/** A load against a model of a server, in virtual time: no clock of this machine has a say. */
async function play(
  server: Server,
  load: { readonly lanes: number; readonly arrival: Arrival; readonly pipeline?: number; readonly loseAtMs?: number },
): Promise<LoopResult & { readonly counted: number }> {
  const world = quietWorld();
  const { clock } = world;
  const startMs = clock.nowMs();
  const loopClock: LoopClock = {
    nowMs: () => clock.nowMs(),
    after: (delayMs, run) => clock.after(delayMs, run),
    beat: (fromMs, periodMs, tick) => {
      let isOver = false;
      const at = (n: number): void => {
        const plannedMs = fromMs + n * periodMs;
        clock.after(Math.max(0, plannedMs - clock.nowMs()), () => {
          if (isOver) return;
          tick(plannedMs);
          at(n + 1);
        });
      };
      at(0);
      return () => (isOver = true);
    },
  };
  let counted = 0;
  const lostLanes = new Set<Lane>();
  const lanes = Array.from({ length: load.lanes }, (): Lane => {
    let freeMs = 0;
    const lane: Lane = {
      send: () => {
        counted++;
        freeMs = answerMs(server, Math.max(freeMs, clock.nowMs() - startMs));
        clock.after(startMs + freeMs - clock.nowMs(), () => !lostLanes.has(lane) && loop.answered(lane, false));
      },
    };
    return lane;
  });
  const options = { warmupMs: 100, measureMs: 1000, drainMs: 2000, pipeline: load.pipeline ?? 1 };
  const loop = new Loop(loopClock, lanes, { ...options, arrival: load.arrival });
  const lose = (lane: Lane): void => {
    lostLanes.add(lane);
    loop.lost(lane);
  };
  if (load.loseAtMs !== undefined) clock.after(load.loseAtMs, () => lose(lanes[0] as Lane));
  const result = await world.until(loop.run());
  return { ...result, counted };
}

function answerMs({ serviceMs, stall }: Server, fromMs: number): number {
  const readyMs = fromMs + serviceMs;
  return stall !== undefined && readyMs > stall[0] && readyMs < stall[1] ? stall[1] + serviceMs : readyMs;
}

function p99Ms(result: LoopResult): number {
  const histogram = new Histogram();
  histogram.add(result.latency);
  return histogram.quantileUs(0.99) / 1000;
}

const stalling: Server = { serviceMs: 1, stall: [400, 700] };
const open = (perSecond: number): Arrival => ({ kind: 'open', perSecond });

test('a stall of 300 ms is what the p99 of an open loop shows', async () => {
  const result = await play(stalling, { lanes: 8, arrival: open(1000) });
  expect(p99Ms(result)).toBeGreaterThan(250);
  expect(result).toMatchObject({ completed: 1000, failed: 0, unanswered: 0 });
});

test('a closed loop hides the same stall: it only waits, and asks less', async () => {
  const result = await play(stalling, { lanes: 8, arrival: { kind: 'closed' } });
  expect(p99Ms(result)).toBeLessThan(2);
});

test('without a stall both loops see the time of service', async () => {
  for (const arrival of [open(1000), { kind: 'closed' } as const]) {
    expect(p99Ms(await play({ serviceMs: 1 }, { lanes: 8, arrival }))).toBeCloseTo(1, 1);
  }
});

test('rates above and between the beats are kept', async () => {
  for (const perSecond of [7, 1900, 3456, 20_000]) {
    const { completed } = await play({ serviceMs: 1 }, { lanes: 64, arrival: open(perSecond) });
    expect(Math.abs(completed - perSecond)).toBeLessThanOrEqual(Math.ceil(perSecond / 2000) + 1);
  }
});

test('what arrives while all sessions are busy waits, and its waiting counts', async () => {
  // One session answers 100 in a second, and 200 arrive: at the end they wait for about a second.
  const result = await play({ serviceMs: 10 }, { lanes: 1, arrival: open(200) });
  expect(result).toMatchObject({ completed: 200, unanswered: 0 });
  expect(p99Ms(result)).toBeGreaterThan(900);
});

test('what is never answered is counted, with the time that it has waited', async () => {
  const result = await play({ serviceMs: 1, stall: [600, 1e9] }, { lanes: 4, arrival: open(1000) });
  expect(result.completed + result.unanswered).toBe(1000);
  expect(result.unanswered).toBeGreaterThanOrEqual(500);
  expect(p99Ms(result)).toBeGreaterThan(2000);
});

test('a pipeline keeps so many statements under way on each session', async () => {
  const one = await play({ serviceMs: 1 }, { lanes: 2, arrival: { kind: 'closed' } });
  const four = await play({ serviceMs: 1 }, { lanes: 2, arrival: { kind: 'closed' }, pipeline: 4 });
  expect(four.completed).toBe(one.completed);
  expect(p99Ms(four)).toBeCloseTo(4 * p99Ms(one), 0);
});

test('all that were sent are counted once, in a warm-up too', async () => {
  const { sent, counted, completed } = await play({ serviceMs: 1 }, { lanes: 8, arrival: open(500) });
  expect([sent, completed]).toEqual([counted, 500]);
  expect(counted).toBe(550);
});

test('a session that is lost fails what it had under way, and the others go on', async () => {
  const result = await play({ serviceMs: 10 }, { lanes: 2, arrival: { kind: 'closed' }, loseAtMs: 505 });
  expect(result.failed).toBe(1);
  expect(result.completed).toBe(100 + 40);
});
