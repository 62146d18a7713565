import { Parent, type ChildWord } from './parent.ts';

/** How a serving process is to end: `drain` lets transactions end first. */
export type Shutdown = 'drain' | 'stop';

/** What comes to a serving process from outside: signals, or the words of its parent. */
export interface Orders {
  readonly shutdown: Promise<Shutdown>;
  /** As if it had come from outside. */
  ask(how: Shutdown): void;
  /** What `reload` is to do: SIGHUP, or the parent's word. */
  onReload(run: () => Promise<unknown>): void;
  /** The process serves now. */
  ready(): void;
  /** Tells the parent; false if there is none. */
  tellParent(word: ChildWord): boolean;
}

/**
 * SIGTERM drains and SIGINT does not wait; a second signal ends the process at once. With a parent, signals are the parent's business.
 */
export function takeOrders(options: { readonly withParent?: boolean | undefined } = {}): Orders {
  let ask!: (how: Shutdown) => void;
  const shutdown = new Promise<Shutdown>((resolve) => (ask = resolve));
  let reload: () => Promise<unknown> = async () => {};
  // What is wrong with a configuration has been logged.
  const runReload = (): void => void reload().catch(() => {});
  let parent: Parent | undefined;
  if (options.withParent === true) parent = new Parent((word) => (word === 'reload' ? runReload() : ask(word)));
  else onSignals(ask, runReload);
  return {
    shutdown,
    ask,
    onReload: (run) => void (reload = run),
    ready: () => parent?.tell('ready'),
    tellParent: (word) => {
      parent?.tell(word);
      return parent !== undefined;
    },
  };
}

function onSignals(ask: (how: Shutdown) => void, reload: () => void): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(130);
      asked = true;
      ask(signal === 'SIGTERM' ? 'drain' : 'stop');
    });
  }
  process.on('SIGHUP', reload);
}
