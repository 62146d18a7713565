import type { Mutant } from '../mutation.ts';

const access = 'packages/gateway/src/console/console-access.ts';
const answering = 'packages/relay/src/ask/answering.ts';
const gateway = 'packages/gateway/src/gateway.ts';
const hub = 'packages/gateway/src/console/hub.ts';
const cancelKeys = 'packages/gateway/src/cancel/cancel-keys.ts';

/** Bugs in what gateways ask each other, and in the admin console. */
export const consoleMutants: readonly Mutant[] = [
  {
    name: 'gateway/cancel-hits-anybody',
    file: cancelKeys,
    find: `return issued !== undefined && sameSecret(issued.secretKey, secretKey) ? issued.session : undefined;`,
    replace: `return (issued ?? [...this.#issued.values()][0])?.session;`,
    why: 'a cancel that comes to another gateway than its session hits somebody there',
    scenario: 'pooling/crowd',
  },
  {
    name: 'console/open-to-everybody',
    file: access,
    find: `  if (!mayCommand && !config.statsUsers.includes(user)) {`,
    replace: `  if (user === '') {`,
    why: 'whoever can log in sees all clients at the admin console',
  },
  {
    name: 'console/kills-the-first',
    file: gateway,
    find: `      if (String(session.id) !== id) continue;`,
    replace: ``,
    why: 'KILL CLIENT ends some session, not the one that was named',
  },
  {
    name: 'console/forgets-itself',
    file: hub,
    find: `rows: [...this.own(name), ...others.rows]`,
    replace: `rows: others.rows`,
    why: 'the sessions of the gateway that is asked are missing from its own views',
  },
  {
    name: 'relay/answers-twice',
    file: answering,
    find: `for (const answer of await other.ask(question)) this.#send({ id, answer });`,
    replace: `for (const answer of [...(await other.ask(question)), ...(await other.ask(question))]) this.#send({ id, answer });`,
    why: 'what other gateways tell counts twice',
  },
];
