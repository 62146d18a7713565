import type { Mutant } from '../mutation.ts';

const requests = 'packages/gateway/src/session/request-machine.ts';

/** Bugs in what passes through in pieces: COPY data, messages that are too long to be held, what is left unfinished. */
export const streamMutants: readonly Mutant[] = [
  {
    name: 'pooler/copy-data-to-the-neighbour',
    file: 'packages/pooler/src/session/gateway-link.ts',
    find: `    const session = this.#sessions.get(id);
    if (session === undefined) return this.#tunnels`,
    replace: `    const session = (flags & 2 ? this.#sessions.get(id - 1) : undefined) ?? this.#sessions.get(id);
    if (session === undefined) return this.#tunnels`,
    why: 'rows that one client copies go to another client’s COPY, or to nobody',
  },
  {
    name: 'pooler/copy-data-credited-to-nobody',
    file: 'packages/pooler/src/session/session.ts',
    find: `    else this.#channel.consumed(cost);
  }`,
    replace: `    else if ((flags & requestFlag.copy) === 0) this.#channel.consumed(cost);
  }`,
    why: 'COPY stops for ever when a window of data was sent',
  },
  {
    name: 'gateway/part-of-a-long-message-dropped',
    file: requests,
    find: `    if (end > start) this.#sendBytes(0, false, noUses, buffer, start, end);`,
    replace: `    if (end > start && place !== 'middle') this.#sendBytes(0, false, noUses, buffer, start, end);`,
    why: 'a long parameter arrives with a hole in it, and everything behind it is taken for something else',
  },
];
