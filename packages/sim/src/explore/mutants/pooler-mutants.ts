import type { Mutant } from '../mutation.ts';

const session = 'packages/pooler/src/session/session.ts';
const adoption = 'packages/pooler/src/session/adoption.ts';
const startup = 'packages/pooler/src/pool/startup-settings.ts';
const pool = 'packages/pooler/src/pool/pool.ts';
const channel = 'packages/pooler/src/session/reply-channel.ts';
const poolMachine = 'packages/pooler/src/pool/pool.machine.ts';
const backend = 'packages/pooler/src/backend/backend.ts';
const group = 'packages/pooler/src/backend/group.ts';
const link = 'packages/pooler/src/session/gateway-link.ts';

/** Bugs in what shares backends between sessions. */
export const poolerMutants: readonly Mutant[] = [
  {
    name: 'pooler/changed-result-passes',
    file: backend,
    find: `if (sameResult(expected, result)) {`,
    replace: `if (sameResult(expected, result) || expected.length > 0) {`,
    why: 'a statement that is prepared anew answers rows of another kind than the session prepared it with',
  },
  {
    name: 'pooler/release-in-transaction',
    file: session,
    find: `if (backend === undefined || this.#status !== 'I' || this.#pins !== 0 || this.#unsettled > 0) return;`,
    replace: `if (backend === undefined || this.#pins !== 0 || this.#unsettled > 0) return;`,
    why: 'the backend goes back to the pool after each statement, also inside a transaction',
  },
  {
    name: 'pooler/release-pinned',
    file: session,
    find: `if (backend === undefined || this.#status !== 'I' || this.#pins !== 0 || this.#unsettled > 0) return;`,
    replace: `if (backend === undefined || this.#status !== 'I' || this.#unsettled > 0) return;`,
    why: 'a backend that holds session state goes back to the pool',
  },
  {
    name: 'pooler/release-without-reset',
    file: session,
    find: `else if (this.#pins === 0 && this.#unsettled === 0) this.pool.release(backend);`,
    replace: `else if (this.#pins !== -1) this.pool.release(backend);`,
    why: 'the backend of a session that has left is given to the next one with all that was set on it',
  },
  {
    name: 'pooler/leave-transaction-open',
    file: session,
    find: `if (this.#owed > 0 || this.#status !== 'I') this.pool.abandon(backend, this);`,
    replace: `if (this.#owed > 0) this.pool.abandon(backend, this);`,
    why: 'a client that hangs up inside a transaction leaves it to the next session',
  },
  {
    name: 'pooler/lost-write-is-harmless',
    file: session,
    find: `return this.#channel.error(backendLostOutcomeUnknown(fatal), true, true, false);`,
    replace: `return this.#channel.error(backendLostHarmlessly(fatal), true, true, false);`,
    why: 'a write whose answer was lost is reported as certainly not done',
    scenario: 'pooling/writes',
  },
  {
    name: 'pooler/lost-session-goes-on',
    file: session,
    find: `      this.#pins === 0 &&
      this.#status === 'I' &&
      !this.#channel.isInMessage
    )`,
    replace: `      !this.#channel.isInMessage
    )`,
    why: 'a session that has lost its backend in a transaction, or with its state, goes on as if nothing had happened',
  },
  {
    name: 'pooler/rerun-delivered',
    file: session,
    find: `if (!group.delivered && !group.cancelAsked && !group.ranBefore) return this.rerun(group, 'backendLost');`,
    replace: `if (!group.cancelAsked && !group.ranBefore) return this.rerun(group, 'backendLost');`,
    why: 'an answer of which a part was delivered is delivered again',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pooler/slow-reader-never-resumed',
    file: channel,
    find: `return this.#sendWindow.open && this.unpause();`,
    replace: `return this.#sendWindow.open;`,
    why: 'a client that read slowly once never gets the rest',
  },
  {
    name: 'pooler/cancel-hits-the-head',
    file: pool,
    find: `    if (head.owner !== session || head.rerun || head.unseen) {`,
    replace: `    if (head.unseen) {`,
    why: 'a cancel stops whatever runs on the shared backend, whoever asked for it',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pooler/cancel-not-forgiven',
    file: backend,
    find: `if (group.shared && report.sqlstate === sqlstate.queryCanceled && this.#strayCancelMayHit(group))
      group.rerun = true;`,
    replace: ``,
    why: 'a cancel that comes late hits the next session on the backend, and that is told so',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pooler/adopts-on-top',
    file: adoption,
    find: `: 'RESET ALL';`,
    replace: `: 'SELECT 1';`,
    why: 'a session gets its own settings on top of what another one has set before',
  },
  {
    name: 'pooler/release-unsettled',
    file: session,
    find: `if (backend === undefined || this.#status !== 'I' || this.#pins !== 0 || this.#unsettled > 0) return;`,
    replace: `if (backend === undefined || this.#status !== 'I' || this.#pins !== 0) return;`,
    why: 'a backend is handed on before it is known which settings the session has left on it',
  },
  {
    name: 'pooler/failed-parse-is-present',
    file: group,
    find: `step.prepared.present = step.presentAfter === true;`,
    replace: `step.prepared.present = true;`,
    why: 'a statement that was closed counts as prepared',
  },
  {
    name: 'pooler/lost-backend-stays-leased',
    file: poolMachine,
    find: `    this.#alone.delete(backend);
    this.#leased.delete(backend);
    const at = this.#idle.indexOf(backend);`,
    replace: `    this.#alone.delete(backend);
    const at = this.#idle.indexOf(backend);`,
    why: 'each lost backend takes its place in the pool with it, until none is left',
  },
  {
    name: 'pooler/lost-gateway-keeps-sessions',
    file: link,
    find: `    for (const id of this.#sessions.keys()) this.#close(id);`,
    replace: `    this.#sessions.clear();`,
    why: 'when a gateway dies its sessions keep their backends, with open transactions and locks',
  },
  {
    name: 'pooler/startup-settings-ignored',
    file: startup,
    find: `    else base.push(setting);`,
    replace: ``,
    why: 'what a client asked for in its startup packet is not set on its backends',
  },
  {
    name: 'pooler/name-of-another',
    file: session,
    find: `void new Renaming(backend, this.#applicationName);`,
    replace: ``,
    why: 'a session runs under the application name of who had the backend before',
  },
  {
    name: 'pooler/renaming-not-noted',
    file: adoption,
    find: `    backend.applicationName = name;
`,
    replace: ``,
    why: 'the next session takes the backend for one that still has its name',
  },
  {
    name: 'pooler/roles-stay',
    file: adoption,
    find: `return mayBeAnother ? `,
    replace: `return settings === 'nobody' ? `,
    why: 'a session runs with the role of who had the backend before',
  },
  {
    name: 'pooler/all-pins-end-together',
    file: session,
    find: `    this.#pins &= ~reasons;`,
    replace: `    this.#pins = 0;`,
    why: 'a backend is given back when one of several reasons to keep it is over',
  },
  {
    name: 'pooler/startup-settings-of-another',
    file: pool,
    find: `const key = settings.length === 0 ? '' : JSON.stringify(settings);`,
    replace: `const key = '';`,
    why: 'sessions start with the settings that the first one asked for',
  },
  {
    name: 'pooler/adopting-behind-others',
    file: session,
    find: `    backend.adopting = true;`,
    replace: ``,
    why: 'others are put behind the change of settings that is none of theirs',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pooler/start-not-given-back',
    file: session,
    find: `if (backend !== undefined && !settings.applied) backend.settingsUnknown();
    else if (backend !== undefined) backend`,
    replace: `if (backend !== undefined) backend`,
    why: 'after RESET the backend counts as having what the session began with, which it has not',
  },
];
