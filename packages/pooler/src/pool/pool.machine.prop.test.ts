import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { PoolMachine, poolInvariants, type PoolLimits, type Seat } from './pool.machine.ts';

class Chair implements Seat {
  owedGroups = 0;
  isBusyForOthers = false;
  retired = false;
  stalled = false;
  settings = '';
}

const limits: PoolLimits = { backendsMax: 4, sharedBackendsMax: 2, sharedGroupsMax: 3, waitersMax: 5 };

function pool(
  chairs: number,
  more: Partial<PoolLimits> = {},
): { machine: PoolMachine<Chair, string>; chairs: Chair[] } {
  const machine = new PoolMachine<Chair, string>({ ...limits, ...more });
  const all = Array.from({ length: chairs }, () => new Chair());
  for (const chair of all) {
    machine.starts();
    machine.started(chair);
  }
  return { machine, chairs: all };
}

describe('who gets which backend', () => {
  it('a lease takes the backend that was used last', () => {
    const { machine, chairs } = pool(2);
    expect(machine.ask('a', false, '')).toEqual({ kind: 'taken', backend: chairs[1] });
    expect(machine.ask('b', false, '')).toEqual({ kind: 'taken', backend: chairs[0] });
    expect(machine.ask('c', false, '')).toEqual({ kind: 'waiting' });
  });

  it('a backend with the same settings comes before a fresh one, and that before one with others', () => {
    const { machine, chairs } = pool(3);
    (chairs[0] as Chair).settings = 'mine';
    (chairs[2] as Chair).settings = 'other';
    const taken = ['a', 'b', 'c'].map((who) => machine.ask(who, false, 'mine'));
    expect(taken.map((answer) => answer.kind === 'taken' && answer.backend.settings)).toEqual(['mine', '', 'other']);
  });

  it('a backend that a late cancel may still hit is nobody’s until that is known', () => {
    const { machine, chairs } = pool(1);
    (chairs[0] as Chair).isBusyForOthers = true;
    expect(machine.ask('a', false, '').kind).toBe('waiting');
    expect(machine.next()).toBeUndefined();
    (chairs[0] as Chair).isBusyForOthers = false;
    expect(machine.next()).toMatchObject({ who: 'a', shareable: false });
  });

  it.each(['stalled', 'retired', 'isBusyForOthers'] as const)(
    'a shared backend that is %s takes nobody new',
    (flag) => {
      const { machine, chairs } = pool(1);
      expect(machine.ask('a', true, '').kind).toBe('taken');
      (chairs[0] as Chair)[flag] = true;
      expect(machine.ask('b', true, '').kind).toBe('waiting');
      (chairs[0] as Chair)[flag] = false;
      expect(machine.next()).toMatchObject({ who: 'b', shareable: true });
    },
  );

  it('shared groups go where fewest stand in line, up to a limit', () => {
    const { machine, chairs } = pool(2);
    for (const who of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const answer = machine.ask(who, true, '');
      if (answer.kind === 'taken') answer.backend.owedGroups += 1;
    }
    expect(chairs.map(({ owedGroups }) => owedGroups)).toEqual([3, 3]);
    expect(machine.ask('g', true, '').kind).toBe('waiting');
  });

  it('nobody overtakes who waits', () => {
    const { machine } = pool(1);
    machine.ask('shared', true, '');
    expect(machine.ask('lease', false, '').kind).toBe('waiting');
    expect(machine.ask('late', true, '').kind).toBe('waiting');
    expect(machine.next()).toBeUndefined();
  });

  it('an isolated backend is not shared any more and comes back when it is released', () => {
    const { machine, chairs } = pool(1);
    machine.ask('slow', true, '');
    machine.isolate(chairs[0] as Chair);
    expect([machine.shared, machine.leased]).toEqual([0, 1]);
    expect(machine.ask('b', true, '').kind).toBe('waiting');
    machine.released(chairs[0] as Chair);
    expect(machine.next()).toMatchObject({ who: 'b' });
  });

  it('thousands leave the line without a walk along it, and their places are taken by others', () => {
    const count = 20_000;
    const { machine } = pool(0, { waitersMax: count });
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: count }, (_, i) => `${round}/${i}`);
      for (const who of all) expect(machine.ask(who, false, '').kind).toBe('waiting');
      expect(machine.ask('one more', false, '').kind).toBe('full');
      for (const who of all.toReversed()) expect(machine.forget(who)).toBe(true);
      expect(machine.forget('0/0')).toBe(false);
      expect(machine.waiters).toBe(0);
    }
  });
});

const event = fc.record({
  kind: fc.constantFrom(
    'ask',
    'ask',
    'ask',
    'forget',
    'started',
    'failed',
    'answered',
    'released',
    'lost',
    'isolate',
    'stall',
    'go',
    'closeIdle',
    'forgetAll',
  ),
  shareable: fc.boolean(),
  settings: fc.constantFrom('', 'x'),
  pick: fc.nat(),
});

/** What a driver does with the machine, and what it knows by itself. */
class Driver {
  readonly machine: PoolMachine<Chair, number> = new PoolMachine(limits);
  readonly leases: Map<Chair, number> = new Map();
  readonly shared: Map<Chair, number[]> = new Map();
  readonly isolated: Set<Chair> = new Set();
  readonly waiting: number[] = [];
  #last = 0;

  ask(shareable: boolean, settings: string): void {
    this.#last += 1;
    const answer = this.machine.ask(this.#last, shareable, settings);
    if (answer.kind === 'taken') this.#give(answer.backend, this.#last, shareable);
    else if (answer.kind === 'waiting') this.waiting.push(this.#last);
    else expect(this.waiting).toHaveLength(limits.waitersMax);
  }

  dispatch(): void {
    for (let next = this.machine.next(); next !== undefined; next = this.machine.next()) {
      // First come, first served.
      expect(next.who).toBe(this.waiting.shift());
      this.#give(next.backend, next.who, next.shareable);
    }
    while (this.machine.wantsBackend) this.machine.starts();
  }

  #give(chair: Chair, who: number, shareable: boolean): void {
    expect(chair.isBusyForOthers).toBe(false);
    expect(this.leases.has(chair)).toBe(false);
    expect(this.isolated.has(chair)).toBe(false);
    if (!shareable) {
      expect(this.shared.has(chair)).toBe(false);
      this.leases.set(chair, who);
    } else {
      chair.owedGroups += 1;
      this.shared.set(chair, [...(this.shared.get(chair) ?? []), who]);
      expect(chair.owedGroups).toBeLessThanOrEqual(limits.sharedGroupsMax);
    }
  }

  step({ kind, shareable, settings, pick }: typeof event extends fc.Arbitrary<infer T> ? T : never): void {
    const { machine } = this;
    const chairs = machine.everyBackend;
    const chair = chairs[pick % Math.max(1, chairs.length)];
    switch (kind) {
      case 'ask':
        return this.ask(shareable, settings);
      case 'forget': {
        const at = pick % Math.max(1, this.waiting.length);
        const who = this.waiting[at];
        if (who === undefined) return;
        expect(machine.forget(who)).toBe(true);
        this.waiting.splice(at, 1);
        return;
      }
      case 'forgetAll':
        expect(machine.forgetAll()).toEqual(this.waiting.splice(0));
        return;
      case 'started':
        if (machine.starting > 0) machine.started(new Chair());
        return;
      case 'failed':
        if (machine.starting > 0) machine.startFailed();
        return;
      case 'closeIdle':
        machine.takeOldestIdle();
        return;
      default:
        if (chair !== undefined) this.#stepOf(kind, chair, settings);
    }
  }

  #stepOf(kind: string, chair: Chair, settings: string): void {
    const { machine } = this;
    if (kind === 'answered' && this.shared.has(chair)) {
      chair.owedGroups -= 1;
      if (chair.owedGroups > 0) return;
      this.shared.delete(chair);
      if (this.isolated.delete(chair)) machine.released(chair);
      else machine.sharedGroupsDone(chair);
    } else if (kind === 'released' && this.leases.delete(chair)) {
      chair.settings = settings;
      machine.released(chair);
    } else if (kind === 'lost') {
      this.leases.delete(chair);
      this.shared.delete(chair);
      this.isolated.delete(chair);
      machine.lost(chair);
    } else if (kind === 'isolate' && this.shared.has(chair)) {
      this.isolated.add(chair);
      machine.isolate(chair);
    } else if (kind === 'stall') chair.isBusyForOthers = true;
    else if (kind === 'go') chair.isBusyForOthers = false;
  }
}

test.prop([fc.array(event, { minLength: 20, maxLength: 200 })], { numRuns: 300 })(
  'a pool keeps its limits, its order and its word under any sequence of events',
  (events) => {
    const driver = new Driver();
    for (const one of events) {
      driver.step(one);
      driver.dispatch();
      for (const [name, holds] of Object.entries(poolInvariants<Chair, number>(limits)))
        expect(holds(driver.machine), `${name}, after ${one.kind}`).toBe(true);
      expect(driver.machine.waiters).toBe(driver.waiting.length);
    }
  },
);
