import type { Mutant } from '../mutation.ts';

const pool = 'packages/pooler/src/pool/pool.ts';
const pools = 'packages/pooler/src/pool/pools.ts';
const places = 'packages/pooler/src/pool/backend-places.ts';
const session = 'packages/pooler/src/session/session.ts';
const backend = 'packages/pooler/src/backend/backend.ts';
const scenario = 'pooling/fair';

/** Bugs in who gets which backend, and when. */
export const poolMutants: readonly Mutant[] = [
  {
    name: 'pool/large-reply-runs-twice',
    file: session,
    find: `ready === undefined && this.#shared !== undefined)
      this.pool.isolate(this.#shared, 'largeReply');`,
    replace: `ready === undefined && this.#shared !== undefined)
      this.rerun(group, 'largeReply');`,
    why: 'an answer that is half delivered begins anew when it turns out to be large',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pool/evacuated-answers-twice',
    file: backend,
    find: `      group.rerun = true;
      group.evacuated = true;`,
    replace: `      group.evacuated = true;`,
    why: 'what was moved away from behind a slow statement is answered from both places',
    scenario: 'pooling/crowd',
  },
  {
    name: 'pool/keeps-more-than-its-share',
    file: places,
    find: `pool.giveBack(verdict.givesBack);`,
    replace: `pool.giveBack(0);`,
    why: 'a busy user keeps all backends, and others never get one',
    scenario: 'pooling/few-places',
  },
  {
    name: 'pool/place-never-free',
    file: places,
    find: `    this.#count(pool, -1);`,
    replace: `    this.#count(pool, pool.size > 1 ? -1 : 0);`,
    why: 'a place is lost with each last backend of a pool, until there is none',
    scenario,
  },
  {
    name: 'pool/pause-lets-in',
    file: pool,
    find: `    this.#machine.pause();
    this.#claims.watch();`,
    replace: `    this.#claims.watch();`,
    why: 'new transactions begin while Postgres is about to be restarted',
    scenario,
  },
  {
    name: 'pool/resume-serves-nobody',
    file: pools,
    find: `    if (!this.#allPaused) for (const pool of this.of(database)) pool.resume();`,
    replace: ``,
    why: 'who waited during a pause is forgotten after it',
    scenario,
  },
  {
    name: 'pool/retires-at-work',
    file: pool,
    find: `    if (this.#machine.idle.includes(backend)) this.#close(backend);`,
    replace: `    this.#close(backend);`,
    why: 'a backend that is old is closed in the middle of a transaction',
    scenario,
  },
];
