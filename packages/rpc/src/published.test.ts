import { quietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { CallScope } from './call-scope.ts';
import { Published } from './published.ts';

describe('a published value', () => {
  it('is told now, after each change, and as a heartbeat when nothing changes', async () => {
    const { clock, until, settle } = quietWorld();
    const scope = new CallScope(clock, 'test', undefined, () => {});
    const value = new Published(clock, 'a');
    const watch = value.watch(scope, 100);
    expect((await until(watch.next())).value).toBe('a');
    const startMs = clock.nowMs();
    expect((await until(watch.next())).value).toBe('a');
    expect(clock.nowMs() - startMs).toBe(100);
    const next = watch.next();
    await settle();
    value.set('b');
    expect((await until(next)).value).toBe('b');
    expect(clock.nowMs() - startMs).toBe(100);
  });

  it('skips what a slow watcher missed, and never the newest', async () => {
    const { clock, until } = quietWorld();
    const value = new Published(clock, 0);
    const watch = value.watch(new CallScope(clock, 'test', undefined, () => {}));
    await until(watch.next());
    for (let i = 1; i <= 10; i++) value.set(i);
    expect((await until(watch.next())).value).toBe(10);
  });

  it('ends a watch that waits when its call is cancelled', async () => {
    const { clock, until } = quietWorld();
    const scope = new CallScope(clock, 'test', undefined, () => {});
    const watch = new Published(clock, 0).watch(scope);
    await until(watch.next());
    const next = watch.next();
    scope.cancel();
    expect((await until(next)).done).toBe(true);
  });
});
