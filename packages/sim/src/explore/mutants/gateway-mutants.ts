import type { Mutant } from '../mutation.ts';

const session = 'packages/gateway/src/session/session.ts';
const metrics = 'packages/gateway/src/telemetry/gateway-metrics.ts';
const pins = 'packages/gateway/src/session/session-pins.ts';
const settings = 'packages/gateway/src/session/session-settings.ts';
const state = 'packages/gateway/src/session/session-state.ts';
const requests = 'packages/gateway/src/session/request-machine.ts';

/** Bugs in what stands between clients and the pooler. */
export const gatewayMutants: readonly Mutant[] = [
  {
    name: 'gateway/abnormal-end-not-counted',
    file: metrics,
    find: `    if (welcomed) this.#sessionEnded(reason);`,
    replace: `    if (welcomed && reason === 'client') this.#sessionEnded(reason);`,
    why: 'sessions that ended with an error are missing in the metrics',
  },
  {
    name: 'gateway/refused-login-not-counted',
    file: metrics,
    find: `    else this.loginFailed(reason === 'client' ? 'none' : reason);`,
    replace: ``,
    why: 'clients that Postgres or the pooler does not let in are missing in the metrics',
  },
  {
    name: 'gateway/failed-parse-keeps-its-name',
    file: requests,
    find: `if (failed && group.names.length > 0) this.#names.undoAfter(group.names, completions, this.#laterChanges());`,
    replace: ``,
    why: 'a name whose Parse failed is taken for ever',
  },
  {
    name: 'gateway/believes-what-it-told',
    file: requests,
    find: `    const telling = this.#names.told(name);`,
    replace: `    const telling = this.#names.told(name);
    this.#names.confirm(telling);`,
    why: 'a statement whose EXECUTE was refused before it ran does not exist any more for the rest of the session',
    scenario: 'pooling/crowd',
  },
  {
    name: 'gateway/any-failure-unpins',
    file: pins,
    find: `this.#broughtBetween(this.#answeredAt, effects?.at ?? 0)`,
    replace: `this.#broughtBetween(0, effects?.at ?? 0)`,
    why: 'a mistyped statement gives away the backend that holds temporary tables and locks',
  },
  {
    name: 'gateway/failed-settings-stay',
    file: state,
    find: `this.#settings.answered(effects.settings, before, after, failed);`,
    replace: `this.#settings.answered(effects.settings, before, after, false);`,
    why: 'a SET that failed, or whose transaction did, is carried to the next backend all the same',
  },
  {
    name: 'gateway/speaks-inside-a-message',
    file: session,
    find: `this.#inMessage = (flags & replyFlag.partial) !== 0;`,
    replace: ``,
    why: 'the last error of a session is written into the middle of a row that is only half relayed',
    scenario: 'pooling/crowd',
  },
  {
    name: 'gateway/pins-nothing',
    file: session,
    find: `this.#pooler.pin(this.#channel, reasons);`,
    replace: `void reasons;`,
    why: 'temporary tables, locks and settings stay behind on backends that others use',
  },
  {
    name: 'gateway/everything-shareable',
    file: requests,
    find: `if (!effects.pipelinable) this.#shareable = false;`,
    replace: ``,
    why: 'writes and statements with side effects run on backends that several sessions share',
  },
  {
    name: 'gateway/window-never-reopens',
    file: session,
    find: `    this.#windowClosed = false;
    this.#goOn();`,
    replace: `    this.#windowClosed = false;`,
    why: 'a client that sent much at once is never listened to again',
  },
  {
    name: 'gateway/slow-client-gives-no-credit',
    file: session,
    find: `    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    this.#consumed(bytes);`,
    replace: `    this.#uncreditedBytes = 0;`,
    why: 'what a slow client has taken is never credited, until its answers stop coming',
  },
  {
    name: 'gateway/gone-client-stays',
    file: session,
    find: `    else this.#pooler.close(this.#channel);`,
    replace: ``,
    why: 'the pooler never learns that a client has left',
  },
  {
    name: 'gateway/lost-pooler-unsaid',
    file: session,
    find: `    else this.finish(poolerLost(owed));`,
    replace: `    void owed;`,
    why: 'a client whose pooler has gone waits for ever',
    scenario: 'pooling/crowd',
  },
  {
    name: 'gateway/lost-commit-is-harmless',
    file: session,
    find: `this.finish(poolerLost(owed));`,
    replace: `this.finish(poolerLost(false));`,
    why: 'a write whose answer was lost with the pooler is reported as certainly not done',
  },
  {
    name: 'gateway/moves-pinned-sessions',
    file: session,
    find: `return this.#welcomed && this.#phase === 'ready' && this.#requests.isMovable;`,
    replace: `return this.#welcomed && this.#phase === 'ready';`,
    why: 'a session that was inside a transaction goes on with another pooler as if nothing had happened',
  },
  {
    name: 'gateway/discard-forgets-no-names',
    file: requests,
    find: `for (const name of this.#names.names()) this.#dropBySql(name);`,
    replace: ``,
    why: 'prepared statements are still there after DISCARD ALL',
  },
  {
    name: 'gateway/reset-to-the-backends-start',
    file: state,
    find: `restore: keeps ? restore : '',`,
    replace: `restore: '',`,
    why: 'RESET on a kept backend goes back to where the backend began, not to where the session did',
  },
  {
    name: 'gateway/rollback-to-ignored',
    file: settings,
    find: `this.#working = this.#cut(step.name, true);`,
    replace: `this.#cut(step.name, true);`,
    why: 'a setting that ROLLBACK TO has undone is carried to the next backend all the same',
  },
  {
    name: 'gateway/commit-forgets-settings',
    file: settings,
    find: `else this.#committed = this.#working;`,
    replace: `else this.#working = this.#committed;`,
    why: 'what a committed transaction has set is not carried to the next backend',
  },
  {
    name: 'gateway/rollback-keeps-settings',
    file: settings,
    find: `if (!kept) this.#working = this.#committed;`,
    replace: `if (!kept) this.#committed = this.#working;`,
    why: 'what a transaction had set that was rolled back is carried all the same',
  },
  {
    name: 'gateway/reset-all-forgets-nothing',
    file: settings,
    find: `working.delete(name);
      return;`,
    replace: `void name;
      return;`,
    why: 'after RESET ALL the next backend is given the settings all the same',
  },
  {
    name: 'gateway/reset-all-ends-roles',
    file: settings,
    find: `if (change.name === '*' || !keptByResetAll.has(name)) working`,
    replace: `working`,
    why: 'RESET ALL ends SET ROLE, too, on the next backend',
  },
  {
    name: 'gateway/undo-takes-back-what-came-later',
    file: 'packages/gateway/src/session/request-machine.ts',
    find: `undoAfter(group.names, completions, this.#laterChanges());`,
    replace: `undoAfter(group.names, completions, []);`,
    why: 'a name that a group behind a failed one gave stands for what it stood for before',
    scenario: 'pooling/operations',
  },
];
