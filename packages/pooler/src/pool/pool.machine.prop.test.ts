import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  aloneBackendsMax,
  PoolMachine,
  poolInvariants,
  type Answer,
  type PoolLimits,
  type Seat,
} from './pool.machine.ts';
import type { Want } from './wait-line.ts';

class Chair implements Seat {
  owedGroups = 0;
  isBusyForOthers = false;
  retired = false;
  stalled = false;
  settings = '';
  applicationName: string | undefined;
}

const limits: PoolLimits = { backendsMax: 4, sharedBackendsMax: 2, sharedGroupsMax: 3, waitersMax: 5 };

const noTime = (): number => 0;

/** A pool in which time does not matter. */
class Pool extends PoolMachine<Chair, string> {
  want(who: string, want: Want, settings = '', applicationName?: string): Answer<Chair> {
    return this.ask(who, want, { settings, applicationName }, noTime);
  }
}

function pool(chairs: number, more: Partial<PoolLimits> = {}): { machine: Pool; chairs: Chair[] } {
  const machine = new Pool({ ...limits, ...more });
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
    expect(machine.want('a', 'lease')).toEqual({ kind: 'taken', backend: chairs[1] });
    expect(machine.want('b', 'lease')).toEqual({ kind: 'taken', backend: chairs[0] });
    expect(machine.want('c', 'lease')).toEqual({ kind: 'waiting' });
  });

  it('a backend with the same settings comes before a fresh one, and that before one with others', () => {
    const { machine, chairs } = pool(3);
    (chairs[0] as Chair).settings = 'mine';
    (chairs[2] as Chair).settings = 'other';
    const taken = ['a', 'b', 'c'].map((who) => machine.want(who, 'lease', 'mine'));
    expect(taken.map((answer) => answer.kind === 'taken' && answer.backend.settings)).toEqual(['mine', '', 'other']);
  });

  it('one that has the name, too, comes first; then one that differs by name only', () => {
    const { machine, chairs } = pool(3);
    (chairs[0] as Chair).applicationName = 'mine';
    for (const chair of chairs.slice(0, 2)) chair.settings = 'mine';
    const taken = ['a', 'b', 'c'].map((who) => machine.want(who, 'lease', 'mine', 'mine'));
    expect(taken.map((answer) => answer.kind === 'taken' && chairs.indexOf(answer.backend))).toEqual([0, 1, 2]);
  });

  it('sharing prefers the backend with the name, and does not insist', () => {
    const { machine, chairs } = pool(2, { backendsMax: 2 });
    machine.want('a', 'share');
    machine.want('b', 'share');
    const [first, second] = chairs as [Chair, Chair];
    second.applicationName = 'mine';
    second.owedGroups = 1;
    first.owedGroups = 1;
    expect(machine.want('c', 'share', '', 'mine')).toMatchObject({ backend: second });
    first.owedGroups = 0;
    second.owedGroups = 2;
    expect(machine.want('d', 'share', '', 'mine')).toMatchObject({ backend: first });
  });

  it('a backend that a late cancel may still hit is nobody’s until that is known', () => {
    const { machine, chairs } = pool(1);
    (chairs[0] as Chair).isBusyForOthers = true;
    expect(machine.want('a', 'lease').kind).toBe('waiting');
    expect(machine.next()).toBeUndefined();
    (chairs[0] as Chair).isBusyForOthers = false;
    expect(machine.next()).toMatchObject({ who: 'a', want: 'lease' });
  });

  it.each(['stalled', 'retired', 'isBusyForOthers'] as const)(
    'a shared backend that is %s takes nobody new',
    (flag) => {
      const { machine, chairs } = pool(1);
      expect(machine.want('a', 'share').kind).toBe('taken');
      (chairs[0] as Chair)[flag] = true;
      expect(machine.want('b', 'share').kind).toBe('waiting');
      (chairs[0] as Chair)[flag] = false;
      expect(machine.next()).toMatchObject({ who: 'b', want: 'share' });
    },
  );

  it('shared groups go where fewest stand in line, up to a limit', () => {
    const { machine, chairs } = pool(2);
    for (const who of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const answer = machine.want(who, 'share');
      if (answer.kind === 'taken') answer.backend.owedGroups += 1;
    }
    expect(chairs.map(({ owedGroups }) => owedGroups)).toEqual([3, 3]);
    expect(machine.want('g', 'share').kind).toBe('waiting');
  });

  it('an idle backend goes to who came first', () => {
    const { machine, chairs } = pool(1, { backendsMax: 1 });
    machine.want('tenant', 'lease');
    for (const [who, want] of [
      ['a', 'lease'],
      ['b', 'share'],
      ['c', 'alone'],
    ] as const)
      machine.want(who, want);
    const served: string[] = [];
    for (let i = 0; i < 3; i++) {
      const chair = chairs[0] as Chair;
      machine.released(chair);
      machine.answered(chair);
      served.push(machine.next()?.who ?? '');
    }
    expect(served).toEqual(['a', 'b', 'c']);
  });

  it('short reads go on at one backend while somebody waits for another, and at no more', () => {
    const { machine, chairs } = pool(2, { backendsMax: 2 });
    const shares = (who: string): Chair | undefined => {
      const answer = machine.want(who, 'share');
      if (answer.kind === 'taken') answer.backend.owedGroups += 1;
      return answer.kind === 'taken' ? answer.backend : undefined;
    };
    const first = shares('a');
    const second = shares('b');
    machine.want('lease', 'lease');
    expect([shares('c'), shares('d')]).toEqual([first, first]);
    (second as Chair).owedGroups = 0;
    machine.answered(second as Chair);
    expect(machine.next()).toMatchObject({ who: 'lease', backend: second });
    expect(chairs).toContain(second);
  });

  it('short reads pass by who waits for a backend, but not for ever', () => {
    const { machine, chairs } = pool(1, { backendsMax: 1 });
    machine.want('short', 'share');
    machine.want('lease', 'lease');
    let passed = 0;
    while (machine.want(`short ${passed}`, 'share').kind === 'taken') passed += 1;
    expect(passed).toBe(machine.overtakesMax);
    machine.answered(chairs[0] as Chair);
    expect(machine.next()).toMatchObject({ who: 'lease' });
  });

  it('statements that run alone leave a part of the pool to others, and do not keep them waiting', () => {
    const { machine } = pool(4);
    const alone = ['a', 'b', 'c', 'd', 'e'].map((who) => machine.want(who, 'alone').kind);
    expect(alone).toEqual(['taken', 'taken', 'taken', 'waiting', 'waiting']);
    expect(aloneBackendsMax(4)).toBe(3);
    expect(machine.want('lease', 'lease').kind).toBe('taken');
    expect(machine.waitersForBackend).toBe(0);
  });

  it('nobody is given anything while it is paused, and all are served after it', () => {
    const { machine } = pool(2);
    machine.pause();
    for (const [who, want] of [
      ['a', 'lease'],
      ['b', 'share'],
    ] as const)
      machine.want(who, want);
    expect(machine.next()).toBeUndefined();
    expect(machine.wantsBackend).toBe(false);
    machine.resume();
    expect([machine.next()?.who, machine.next()?.who, machine.next()]).toEqual(['a', 'b', undefined]);
  });

  it('backends that are asked back are given up before anybody gets them, shared ones after they were fed no more', () => {
    const { machine, chairs } = pool(2, { backendsMax: 2 });
    machine.want('a', 'share');
    machine.want('b', 'lease');
    machine.askBack(1);
    expect(machine.takeAskedBack()).toBeUndefined();
    expect(machine.want('c', 'lease').kind).toBe('waiting');
    machine.released(chairs[0] as Chair);
    expect(machine.takeAskedBack()).toBe(chairs[0]);
    expect([machine.askedBack, machine.backends]).toEqual([0, 1]);
  });

  it('an isolated backend is not shared any more and comes back when it has answered', () => {
    const { machine, chairs } = pool(1);
    machine.want('slow', 'share');
    expect(machine.isolate(chairs[0] as Chair)).toBe(true);
    expect(machine.isolate(chairs[0] as Chair)).toBe(false);
    expect([machine.shared, machine.alone]).toEqual([0, 1]);
    expect(machine.want('b', 'share').kind).toBe('waiting');
    machine.answered(chairs[0] as Chair);
    expect(machine.next()).toMatchObject({ who: 'b' });
  });

  it('thousands leave the line without a walk along it, and their places are taken by others', () => {
    const count = 20_000;
    const { machine } = pool(0, { waitersMax: count });
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: count }, (_, i) => `${round}/${i}`);
      for (const who of all) expect(machine.want(who, 'lease').kind).toBe('waiting');
      expect(machine.want('one more', 'lease').kind).toBe('full');
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
    'answered',
    'released',
    'lost',
    'isolate',
    'stall',
    'go',
    'closeIdle',
    'forgetAll',
    'pause',
    'resume',
    'askBack',
  ),
  want: fc.constantFrom<Want>('share', 'share', 'alone', 'lease'),
  settings: fc.constantFrom('', 'x'),
  pick: fc.nat(),
});

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** What a driver does with the machine, and what it knows by itself. */
class Driver {
  readonly machine: PoolMachine<Chair, number> = new PoolMachine(limits);
  readonly leases: Map<Chair, number> = new Map();
  readonly shared: Set<Chair> = new Set();
  readonly alone: Set<Chair> = new Set();
  readonly waiting: { readonly who: number; readonly want: Want }[] = [];
  #last = 0;

  ask(want: Want, settings: string): void {
    this.#last += 1;
    const answer = this.machine.ask(this.#last, want, { settings, applicationName: undefined }, noTime);
    if (answer.kind === 'taken') this.#give(answer.backend, this.#last, want);
    else if (answer.kind === 'waiting') this.waiting.push({ who: this.#last, want });
    else expect(this.waiting).toHaveLength(limits.waitersMax);
  }

  dispatch(): void {
    while (this.machine.takeAskedBack() !== undefined);
    for (let next = this.machine.next(); next !== undefined; next = this.machine.next()) {
      const { who, want } = next;
      expect(this.machine.isPaused).toBe(false);
      // First come, first served, among those who want the same.
      const at = this.waiting.findIndex((waiter) => waiter.want === want);
      expect(this.waiting[at]?.who).toBe(who);
      this.waiting.splice(at, 1);
      this.#give(next.backend, who, want);
    }
    while (this.machine.wantsBackend) this.machine.starts();
  }

  #give(chair: Chair, who: number, want: Want): void {
    expect(chair.isBusyForOthers).toBe(false);
    expect(this.leases.has(chair)).toBe(false);
    expect(this.alone.has(chair)).toBe(false);
    if (want !== 'share') expect(this.shared.has(chair)).toBe(false);
    if (want === 'lease') return void this.leases.set(chair, who);
    chair.owedGroups += 1;
    (want === 'share' ? this.shared : this.alone).add(chair);
    expect(chair.owedGroups).toBeLessThanOrEqual(limits.sharedGroupsMax);
  }

  step({ kind, want, settings, pick }: Event): void {
    const { machine } = this;
    const chairs = machine.everyBackend;
    const chair = chairs[pick % Math.max(1, chairs.length)];
    switch (kind) {
      case 'ask':
        return this.ask(want, settings);
      case 'forget': {
        const at = pick % Math.max(1, this.waiting.length);
        const waiter = this.waiting[at];
        if (waiter === undefined) return;
        expect(machine.forget(waiter.who)).toBe(true);
        this.waiting.splice(at, 1);
        return;
      }
      case 'forgetAll':
        expect(machine.forgetAll()).toEqual(this.waiting.splice(0).map(({ who }) => who));
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
      case 'pause':
        return machine.pause();
      case 'resume':
        return machine.resume();
      case 'askBack':
        return machine.askBack(pick % 3);
      default:
        if (chair !== undefined) this.#stepOf(kind, chair, settings);
    }
  }

  #stepOf(kind: string, chair: Chair, settings: string): void {
    const { machine } = this;
    if (kind === 'answered' && (this.shared.has(chair) || this.alone.has(chair))) {
      chair.owedGroups -= 1;
      if (chair.owedGroups > 0) return;
      this.shared.delete(chair);
      this.alone.delete(chair);
      machine.answered(chair);
    } else if (kind === 'released' && this.leases.delete(chair)) {
      chair.settings = settings;
      machine.released(chair);
    } else if (kind === 'lost') {
      this.leases.delete(chair);
      this.shared.delete(chair);
      this.alone.delete(chair);
      machine.lost(chair);
    } else if (kind === 'isolate') {
      expect(machine.isolate(chair)).toBe(this.shared.delete(chair) && this.alone.add(chair).has(chair));
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

test.prop([fc.array(event, { minLength: 20, maxLength: 200 })], { numRuns: 300 })(
  'whatever happened before, everybody who waits is served in the end, also while short reads keep coming',
  (events) => {
    const driver = new Driver();
    const { machine } = driver;
    for (const one of events) {
      driver.step(one);
      driver.dispatch();
    }
    machine.resume();
    machine.askBack(0);
    for (const chair of machine.everyBackend) chair.isBusyForOthers = false;
    const before = new Set(driver.waiting.map(({ who }) => who));
    for (let round = 0; driver.waiting.some(({ who }) => before.has(who)); round++) {
      expect(round, 'nobody starves').toBeLessThan(500);
      if (machine.starting > 0) machine.started(new Chair());
      driver.ask('share', '');
      driver.dispatch();
      const chairs = machine.everyBackend;
      const kind = round % 2 === 0 ? 'answered' : 'released';
      driver.step({ kind, want: 'share', settings: '', pick: chairs.length === 0 ? 0 : round });
      driver.dispatch();
    }
  },
);
