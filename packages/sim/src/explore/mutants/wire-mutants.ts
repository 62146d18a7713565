import type { Mutant } from '../mutation.ts';

const deframer = 'packages/pgwire/src/frame/deframer.ts';
const frame = 'packages/relay/src/frame.ts';
const window = 'packages/relay/src/window.ts';

/** Bugs in how bytes become messages and frames. */
export const wireMutants: readonly Mutant[] = [
  {
    name: 'pgwire/exact-fit-is-incomplete',
    file: deframer,
    find: `else if (total <= end - at) {`,
    replace: `else if (total < end - at) {`,
    why: 'a message that ends with its chunk waits for more bytes, which may never come',
  },
  {
    name: 'pgwire/straddling-header-lost',
    file: deframer,
    find: `    this.#held.set(bytes.subarray(at, end), this.#heldBytes);`,
    replace: `    this.#held.set(bytes.subarray(at, end), this.#heldBytes > 4 ? this.#heldBytes : 0);`,
    why: 'a header that arrives in two pieces is put together wrongly',
  },
  {
    name: 'relay/partial-frame-dropped',
    file: frame,
    find: `    if (at < bytes.length) this.#keep(bytes, at);`,
    replace: `    if (at + 4 < bytes.length) this.#keep(bytes, at);`,
    why: 'the first bytes of a frame are lost when a read ends behind them',
  },
  {
    name: 'relay/credit-lost',
    file: window,
    find: `    const credit = this.#owed;
    this.#owed = 0;
    return credit;`,
    replace: `    const credit = this.#owed >> 1;
    this.#owed = 0;
    return credit;`,
    why: 'half of each credit is lost, until a session may send nothing any more',
  },
  {
    name: 'relay/frames-overwritten-under-way',
    file: 'packages/relay/src/link.ts',
    find: `    if (this.#connection.backlogBytes === 0) this.#writer.giveBack();`,
    replace: `    this.#writer.giveBack();`,
    why: 'the memory of frames is used again although the system has not taken them all',
  },
  {
    name: 'gateway/replies-overwritten-under-way',
    file: 'packages/gateway/src/session/session.ts',
    find: `    if (this.#connection.backlogBytes === 0) writer.giveBack();`,
    replace: `    writer.giveBack();`,
    why: 'what one client has not taken yet is overwritten with what another one gets',
  },
];
