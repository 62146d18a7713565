import type { Mutant } from '../mutation.ts';

const session = 'packages/gateway/src/session/session.ts';
const reads = 'packages/gateway/src/session/replica-reads.ts';
const pooler = 'packages/pooler/src/session/session.ts';

/** Bugs on the way from gateways to whoever leads, and to those who follow. */
export const gatewayRoutingMutants: readonly Mutant[] = [
  {
    name: 'routing/says-it-twice',
    file: session,
    find: `    if (this.#moving !== undefined) this.#sayAgain(this.#moving.pieces);`,
    replace: `    if (this.#moving !== undefined) this.#sayAgain([...this.#moving.pieces, ...this.#moving.pieces]);`,
    why: 'what the old leader gave back runs twice at the new one',
    scenario: 'failover/switchover',
  },
  {
    name: 'routing/reruns-what-is-owed',
    file: pooler,
    find: `    // Alone and outside a transaction: the client can be told the truth and go on, unless it was told an error already.`,
    replace: `    const owed = statements[0];
    if (only && owed?.replay !== undefined) {
      this.#owed = 1;
      return this.rerun(owed, 'backendLost');
    }`,
    why: 'a write whose answer was lost with its leader runs again at the next one, although it may be committed',
    scenario: 'failover/ghost-commit',
  },
  {
    name: 'routing/reads-without-own-writes',
    file: reads,
    find: `      else this.#lsn = lsn;`,
    replace: `      else this.#lsn = 0n;`,
    why: 'a session reads at a follower that has not replayed what the session wrote a moment ago',
    scenario: 'failover/replica-reads',
  },
  {
    name: 'routing/reads-hide-writes',
    file: reads,
    find: `    if (!this.isAway && group?.reads === false) this.#wrote = true;`,
    replace: ``,
    why: 'how far the log has got is asked once, and never again after a write',
    scenario: 'failover/replica-reads',
  },
];
