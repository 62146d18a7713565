import { assert, check, type PgError } from '@multigres/core';
import { fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { defaultLimits } from './config.ts';
import { foreignDirectory, startFailed } from './errors.ts';
import { lifecycleInvariants, lifecycleMachine, nextDeadlineMs } from './lifecycle.machine.ts';
import type {
  Ask,
  DataSeen,
  Force,
  Lifecycle,
  LifecycleEffect,
  LifecycleEvent,
  ServerSeen,
} from './lifecycle-state.ts';
import type { PostmasterPhase } from './postmaster-pid.ts';

const options = { dataDirectory: '/pg/data', keepRunning: true, limits: defaultLimits };
const machine = lifecycleMachine(options);

const present = { kind: 'present' } as const;
const absent = { kind: 'absent' } as const;
const none: ServerSeen = { kind: 'none' };
const alive = (phase: PostmasterPhase, pid = 7): ServerSeen => ({ kind: 'alive', pid, phase });
const seen = (server: ServerSeen, nowMs = 0): LifecycleEvent => ({ kind: 'observed', data: present, server, nowMs });
const asks = (what: Ask['what'], id = 1, nowMs = 0, force: Force = 'fast'): LifecycleEvent => ({
  kind: 'asked',
  id,
  what,
  force,
  nowMs,
});
const tick = (nowMs: number): LifecycleEvent => ({ kind: 'ticked', nowMs });
const trouble = startFailed({ sqlstate: '58000', message: 'it would not', detail: '' });

/** The state and the effects of the last event. */
function after(...events: readonly LifecycleEvent[]): { state: Lifecycle; effects: readonly LifecycleEffect[] } {
  let state = machine.initial;
  let effects: readonly LifecycleEffect[] = [];
  for (const event of events) {
    [state, effects] = machine.step(state, event);
    check(state, lifecycleInvariants);
  }
  return { state, effects };
}

const answered = (effects: readonly LifecycleEffect[]): Record<number, string> => {
  const answers: Record<number, string> = {};
  for (const effect of effects) if (effect.kind === 'answer') answers[effect.id] = outcome(effect.refusal);
  return answers;
};
const outcome = (refusal: PgError | undefined): string => refusal?.sqlstate ?? 'ok';
const kinds = (effects: readonly LifecycleEffect[]): string[] => effects.map((effect) => effect.kind);

describe('a start', () => {
  test('looks again before it believes what it knows', () => {
    const { state, effects } = after(seen(none), asks('start'));
    expect([state.checking, kinds(effects)]).toEqual([true, ['observe']]);
  });

  test('is answered when connections are accepted, not before', () => {
    const starting = [seen(none), asks('start'), seen(none), { kind: 'spawned', pid: 7, nowMs: 0 }] as const;
    expect(kinds(after(seen(none), asks('start'), seen(none)).effects)).toEqual(['spawn']);
    expect(answered(after(...starting, seen(alive('starting'))).effects)).toEqual({});
    expect(answered(after(...starting, seen(alive('ready'))).effects)).toEqual({ 1: 'ok' });
  });

  test('of a standby is answered when it takes reads', () => {
    expect(answered(after(seen(none), asks('start'), seen(alive('standby'))).effects)).toEqual({ 1: 'ok' });
  });

  test('of what runs already changes nothing', () => {
    const { effects } = after(seen(alive('ready')), asks('start'), seen(alive('ready')));
    expect(effects).toEqual([{ kind: 'answer', id: 1, refusal: undefined }]);
  });

  test('asked for twice starts one server and answers both', () => {
    const { state, effects } = after(seen(none), asks('start', 1), asks('start', 2), seen(none), asks('start', 3));
    expect([state.server.kind, effects]).toEqual(['starting', []]);
    const done = after(
      seen(none),
      asks('start', 1),
      asks('start', 2),
      seen(none),
      { kind: 'spawned', pid: 7, nowMs: 0 },
      seen(alive('ready')),
    );
    expect(answered(done.effects)).toEqual({ 1: 'ok', 2: 'ok' });
  });

  test('without a data directory is refused', () => {
    const { effects } = after(asks('start'), { kind: 'observed', data: absent, server: none, nowMs: 0 });
    expect(answered(effects)).toEqual({ 1: '55000' });
  });

  test('over something else than a data directory is refused', () => {
    const unusable = { kind: 'unusable', refusal: foreignDirectory('/pg/data') } as const;
    const { effects } = after(asks('start'), { kind: 'observed', data: unusable, server: none, nowMs: 0 });
    expect(answered(effects)).toEqual({ 1: '55000' });
  });

  test('that ends at once is explained, then refused, and not tried again unasked', () => {
    const begun = [seen(none), asks('start'), seen(none), { kind: 'spawned', pid: 7, nowMs: 0 }] as const;
    const exited: LifecycleEvent = { kind: 'exited', pid: 7, exit: 'exit code 1', nowMs: 5 };
    expect(kinds(after(...begun, exited).effects)).toEqual(['explain']);
    const refused = after(...begun, exited, { kind: 'startRefused', refusal: trouble, nowMs: 6 });
    expect(answered(refused.effects)).toEqual({ 1: '58000' });
    expect(kinds(refused.effects)).toEqual(['answer', 'observe']);
    expect(refused.state.wanted).toBe('stopped');
  });

  test('hears of the exit even when that comes before the news of the birth', () => {
    const exited: LifecycleEvent = { kind: 'exited', pid: 7, exit: 'exit code 1', nowMs: 5 };
    const { state, effects } = after(seen(none), asks('start'), seen(none), exited, {
      kind: 'spawned',
      pid: 7,
      nowMs: 5,
    });
    expect([state.server.kind, kinds(effects)]).toEqual(['failing', ['observe']]);
  });

  test('that takes too long is answered with the log, and the server is left alone', () => {
    const begun = [seen(none), asks('start'), seen(none), { kind: 'spawned', pid: 7, nowMs: 0 }] as const;
    const slow = after(...begun, seen(alive('starting')));
    expect(nextDeadlineMs(slow.state, defaultLimits)).toBe(60_000);
    const late = after(...begun, seen(alive('starting')), { kind: 'ticked', nowMs: 60_000 });
    expect(late.effects).toEqual([{ kind: 'answerLate', id: 1 }]);
    expect([late.state.server.kind, late.state.asks]).toEqual(['starting', []]);
  });

  test('waits for a stop that somebody else has begun, then goes ahead', () => {
    const { state } = after(seen(alive('stopping')), asks('start'));
    expect(state.server.kind).toBe('stopping');
    expect(kinds(after(seen(alive('stopping')), asks('start'), seen(none)).effects)).toEqual(['spawn']);
  });
});

describe('a stop', () => {
  const running = seen(alive('ready'));

  test('signals and is answered when the process has ended', () => {
    expect(after(running, asks('stop'), running).effects).toEqual([{ kind: 'stop', pid: 7, force: 'fast' }]);
    const ended = after(running, asks('stop'), running, seen(none));
    expect([answered(ended.effects), ended.state.server]).toEqual([{ 1: 'ok' }, { kind: 'stopped', crashed: false }]);
  });

  test('of what does not run changes nothing', () => {
    expect(answered(after(seen(none), asks('stop'), seen(none)).effects)).toEqual({ 1: 'ok' });
  });

  test('grows more forceful when patience ends, and at last is refused', () => {
    const begun = [running, asks('stop'), running] as const;
    expect(after(...begun, tick(60_000)).effects).toEqual([{ kind: 'stop', pid: 7, force: 'immediate' }]);
    expect(after(...begun, tick(60_000), tick(70_000)).effects).toEqual([{ kind: 'stop', pid: 7, force: 'kill' }]);
    const lost = after(...begun, tick(60_000), tick(70_000), tick(80_000));
    expect(answered(lost.effects)).toEqual({ 1: '58000' });
  });

  test('asked for more forcefully does not wait for the kinder one', () => {
    const { effects } = after(running, asks('stop'), running, asks('stop', 2, 0, 'immediate'));
    expect(effects).toEqual([{ kind: 'stop', pid: 7, force: 'immediate' }]);
  });

  test('overtakes those who wait for a start', () => {
    const { effects } = after(running, asks('restart', 1), running, asks('stop', 2));
    expect(answered(effects)).toEqual({ 1: '57P01' });
  });

  test('turns away those who want it to run, until it is through', () => {
    expect(answered(after(running, asks('stop', 1), running, asks('start', 2)).effects)).toEqual({ 2: '55000' });
  });

  test('of a server that is only being born waits for its pid', () => {
    const born = [seen(none), asks('start', 1), seen(none), asks('stop', 2)] as const;
    expect(kinds(after(...born).effects)).toEqual(['answer']);
    expect(kinds(after(...born, { kind: 'spawned', pid: 7, nowMs: 0 }).effects)).toEqual(['observe', 'stop']);
  });

  test('is not repeated by what the pid file still says', () => {
    expect(after(running, asks('stop'), running, seen(alive('ready'))).effects).toEqual([]);
  });
});

describe('a restart', () => {
  test('stops, starts, and is answered once', () => {
    const running = seen(alive('ready'));
    const begun = [running, asks('restart'), running] as const;
    expect(kinds(after(...begun).effects)).toEqual(['stop']);
    expect(kinds(after(...begun, seen(none)).effects)).toEqual(['spawn']);
    const again = after(...begun, seen(none), { kind: 'spawned', pid: 8, nowMs: 0 }, seen(alive('ready', 8)));
    expect(answered(again.effects)).toEqual({ 1: 'ok' });
  });

  test('of what does not run is a start', () => {
    expect(kinds(after(seen(none), asks('restart'), seen(none)).effects)).toEqual(['spawn']);
  });
});

describe('a server that ends of its own accord', () => {
  const running = seen(alive('ready'));

  test('is started again after a pause if it is to be kept running', () => {
    const { effects } = after(running, seen({ kind: 'crashed' }));
    expect(effects).toEqual([{ kind: 'restartLater', attempt: 1 }]);
    const due: LifecycleEvent = { kind: 'restartDue', nowMs: 9 };
    expect(kinds(after(running, seen({ kind: 'crashed' }), due).effects)).toEqual(['spawn']);
  });

  test('is left alone if somebody has stopped it meanwhile', () => {
    const crashed = seen({ kind: 'crashed' });
    const due: LifecycleEvent = { kind: 'restartDue', nowMs: 9 };
    expect(after(running, crashed, asks('stop'), crashed, due).effects).toEqual([]);
  });

  test('pauses longer each time, unless it ran for a while', () => {
    const due: LifecycleEvent = { kind: 'restartDue', nowMs: 9 };
    const born: LifecycleEvent = { kind: 'spawned', pid: 7, nowMs: 9 };
    const twice = after(running, seen(none), due, born, seen(alive('ready'), 10), seen(none, 20));
    expect(twice.effects).toEqual([{ kind: 'restartLater', attempt: 2 }]);
    const later = after(running, seen(none), due, born, seen(alive('ready'), 10), seen(none, 90_000));
    expect(later.effects).toEqual([{ kind: 'restartLater', attempt: 1 }]);
  });
});

describe('making a data directory', () => {
  const nothing: LifecycleEvent = { kind: 'observed', data: absent, server: none, nowMs: 0 };

  test('happens once, however many ask', () => {
    expect(kinds(after(asks('init', 1), asks('init', 2), nothing).effects)).toEqual(['initialize']);
    const made = after(asks('init', 1), asks('init', 2), nothing, { kind: 'initialized', nowMs: 0 });
    expect(answered(made.effects)).toEqual({ 1: 'ok', 2: 'ok' });
  });

  test('is done already where there is one', () => {
    expect(answered(after(asks('init'), seen(none)).effects)).toEqual({ 1: 'ok' });
  });

  test('may fail, and may be asked for again', () => {
    const failed = [asks('init', 1), nothing, { kind: 'initRefused', refusal: trouble, nowMs: 0 }] as const;
    expect(answered(after(...failed).effects)).toEqual({ 1: '58000' });
    expect(kinds(after(...failed, asks('init', 2), nothing).effects)).toEqual(['initialize']);
  });
});

describe('a promotion', () => {
  const standby = seen(alive('standby'));
  const asked = [standby, asks('promote'), standby] as const;

  test('is told once, however many ask, and answered when recovery has ended', () => {
    expect(kinds(after(...asked).effects)).toEqual(['promote']);
    const second = after(...asked, asks('promote', 2), seen(alive('standby')));
    expect([second.effects, second.state.asks.length]).toEqual([[], 2]);
    expect(answered(after(...asked, asks('promote', 2), seen(alive('ready'))).effects)).toEqual({ 1: 'ok', 2: 'ok' });
  });

  test('of a primary is done already', () => {
    const primary = seen(alive('ready'));
    expect(answered(after(primary, asks('promote'), primary).effects)).toEqual({ 1: 'ok' });
  });

  test('waits for a server that starts', () => {
    expect(kinds(after(seen(alive('starting')), asks('promote')).effects)).toEqual([]);
    expect(kinds(after(seen(alive('starting')), asks('promote'), standby).effects)).toEqual(['promote']);
  });

  test('ends with the server, and the next one is not promoted', () => {
    const gone = after(...asked, seen({ kind: 'crashed' }));
    expect(answered(gone.effects)).toEqual({ 1: '55000' });
    const again = after(...asked, seen({ kind: 'crashed' }), { kind: 'restartDue', nowMs: 1 }, standby);
    expect(kinds(again.effects)).not.toContain('promote');
  });

  test('is overtaken by a stop', () => {
    const { effects } = after(...asked, asks('stop', 2));
    expect([answered(effects), kinds(effects)]).toEqual([{ 1: '57P01' }, ['answer', 'stop']]);
  });

  test('that cannot be told leaves a standby', () => {
    const { state, effects } = after(...asked, { kind: 'promoteRefused', refusal: trouble, nowMs: 1 });
    expect([state.server.kind, answered(effects)]).toEqual(['running', { 1: '58000' }]);
  });
});

describe('a rewind and a clone', () => {
  const stopped = seen(none);

  test.each(['rewind', 'clone'] as const)('(%s) of a server that runs is refused', (what) => {
    const running = seen(alive('ready'));
    expect(answered(after(running, asks(what), running).effects)).toEqual({ 1: '55000' });
  });

  test('keep everybody else away from the data directory while they last', () => {
    const cloning = [stopped, asks('clone'), stopped] as const;
    expect(after(...cloning).effects).toEqual([{ kind: 'overhaul', id: 1 }]);
    for (const what of ['start', 'rewind', 'promote', 'init'] as const) {
      expect(answered(after(...cloning, asks(what, 2)).effects)).toEqual({ 2: '55000' });
    }
    expect(answered(after(...cloning, asks('stop', 2)).effects)).toEqual({ 2: 'ok' });
    const ended = after(...cloning, { kind: 'overhauled', id: 1, refusal: undefined, nowMs: 5 });
    expect([answered(ended.effects), ended.state.server.kind]).toEqual([{ 1: 'ok' }, 'unknown']);
  });

  test('of what was interrupted: only a clone is let in', () => {
    const broken: LifecycleEvent = { kind: 'observed', data: { kind: 'broken' }, server: none, nowMs: 0 };
    for (const what of ['start', 'rewind', 'init'] as const) {
      expect(answered(after(broken, asks(what), broken).effects)).toEqual({ 1: '55000' });
    }
    expect(kinds(after(broken, asks('clone'), broken).effects)).toEqual(['overhaul']);
  });

  test('tell why they failed', () => {
    const failed = after(stopped, asks('rewind'), stopped, { kind: 'overhauled', id: 1, refusal: trouble, nowMs: 5 });
    expect(answered(failed.effects)).toEqual({ 1: '58000' });
  });
});

test('a reload needs a running server', () => {
  const running = seen(alive('ready'));
  expect(kinds(after(running, asks('reload'), running).effects)).toEqual(['reload', 'answer']);
  expect(answered(after(seen(none), asks('reload'), seen(none)).effects)).toEqual({ 1: '55000' });
});

describe('whatever happens in whatever order', () => {
  const phase = fc.constantFrom<PostmasterPhase>('starting', 'ready', 'standby', 'stopping');
  const server = fc.oneof<fc.Arbitrary<ServerSeen>[]>(
    fc.constant(none),
    fc.constant({ kind: 'crashed' }),
    fc.record({ kind: fc.constant('alive' as const), pid: fc.constantFrom(7, 8), phase }),
  );
  const what = fc.constantFrom<Ask['what']>('init', 'start', 'stop', 'restart', 'reload', 'promote', 'rewind', 'clone');
  const force = fc.constantFrom<Force>('smart', 'fast', 'immediate');
  const event = fc.oneof(
    fc.record({
      kind: fc.constant('observed' as const),
      data: fc.constantFrom<DataSeen>(present, absent, { kind: 'broken' }),
      server,
    }),
    fc.record({ kind: fc.constant('asked' as const), what, force }),
    fc.constant({ kind: 'initialized' as const }),
    fc.constant({ kind: 'initRefused' as const, refusal: trouble }),
    fc.constantFrom(...[undefined, trouble].map((refusal) => ({ kind: 'overhauled' as const, refusal }))),
    fc.constant({ kind: 'spawned' as const, pid: 7 }),
    fc.constant({ kind: 'exited' as const, pid: 7, exit: '' }),
    fc.constant({ kind: 'startRefused' as const, refusal: trouble }),
    fc.constant({ kind: 'promoteRefused' as const, refusal: trouble }),
    fc.constant({ kind: 'restartDue' as const }),
    fc.constant({ kind: 'ticked' as const }),
  );
  const life = fc.array(fc.record({ event, afterMs: fc.constantFrom(0, 10, 20_000) }), { maxLength: 40 });

  test('nobody is answered twice, the invariants hold, and no server is started beside another', () => {
    fc.assert(
      fc.property(life, (steps) => {
        let state = machine.initial;
        let nowMs = 0;
        const open = new Set<number>();
        let atWork: number | undefined;
        steps.forEach((step, id) => {
          nowMs += step.afterMs;
          const before = state.server;
          if (step.event.kind === 'asked') open.add(id);
          const ended = step.event.kind === 'overhauled' ? { id: atWork ?? -1 } : { id };
          if (step.event.kind === 'overhauled') atWork = undefined;
          const [next, effects] = machine.step(state, { ...step.event, ...ended, nowMs });
          state = next;
          check(state, lifecycleInvariants);
          for (const effect of effects) {
            if (effect.kind === 'answer' || effect.kind === 'answerLate') {
              assert(open.delete(effect.id), 'nobody is answered twice');
            }
            if (effect.kind === 'overhaul') {
              assert(atWork === undefined, 'one at a time changes the data directory');
              atWork = effect.id;
            }
            // A server that ran may only be followed by another one when we have seen that it is gone.
            if (effect.kind === 'spawn') assert(atWork === undefined, 'no server is started on what is being changed');
            if (effect.kind !== 'spawn' && effect.kind !== 'overhaul') continue;
            const gone: Partial<Record<typeof before.kind, string>> = {
              running: 'observed',
              promoting: 'observed',
              stopping: 'observed',
              starting: 'startRefused',
              failing: 'startRefused',
            };
            const news = gone[before.kind];
            assert(
              news === undefined || news === step.event.kind,
              'no server is started beside another, nor the data changed under one',
            );
          }
          expect(new Set(state.asks.map((ask) => ask.id))).toEqual(open);
        });
      }),
      { numRuns: 2_000 },
    );
  });
});
