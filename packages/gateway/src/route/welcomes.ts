import { sameBytes } from '@multigres/core';
import { encodeParameterStatus, MessageWriter } from '@multigres/pgwire';
import { BodyReader, decodeOpened, type Opened } from '@multigres/relay';

/** What a pooler says to a new session, with the messages that tell a client. */
export interface Welcome extends Opened {
  /** The ParameterStatus messages. */
  readonly messages: Uint8Array;
  /** Its `client_encoding`. */
  readonly encoding: string | undefined;
}

/** A pool says the same to all its sessions; few pools are in use at a time. */
const knownMax = 16;

/** Reads bodies of `opened` frames, and each body once as long as it is among those seen last: logins come in crowds. */
export class Welcomes {
  readonly #known: { readonly body: Uint8Array; readonly welcome: Welcome }[] = [];

  /** Throws a PgError if the body cannot be read. */
  read(buffer: Uint8Array, start: number, end: number): Welcome {
    const body = buffer.subarray(start, end);
    const at = this.#known.findIndex((one) => sameBytes(one.body, body));
    const found = this.#known[at];
    if (found !== undefined) {
      this.#known.copyWithin(1, 0, at);
      this.#known[0] = found;
      return found.welcome;
    }
    const welcome = welcomeOf(decodeOpened(new BodyReader(body)));
    this.#known.unshift({ body: body.slice(), welcome });
    if (this.#known.length > knownMax) this.#known.pop();
    return welcome;
  }
}

function welcomeOf(opened: Opened): Welcome {
  const writer = new MessageWriter(1024);
  for (const [name, value] of opened.parameters) encodeParameterStatus(writer, name, value);
  const encoding = opened.parameters.findLast(([name]) => name === 'client_encoding')?.[1];
  return { ...opened, messages: writer.take().slice(), encoding };
}
