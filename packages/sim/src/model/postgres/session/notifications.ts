import { channelNameEmpty, channelNameTooLong, payloadTooLong } from '../errors.ts';

export interface Notification {
  readonly channel: string;
  readonly payload: string;
  /** Of the notifying backend. */
  readonly pid: number;
}

type Listening =
  | { readonly kind: 'listen'; readonly channel: string }
  | { readonly kind: 'unlisten'; readonly channel: string }
  | { readonly kind: 'unlistenAll' };

interface Level {
  readonly listening: Listening[];
  readonly sent: Notification[];
}

/** LISTEN, UNLISTEN and NOTIFY wait for the commit (PostgreSQL documentation, "NOTIFY"). */
export class Notifications {
  readonly #pid: number;
  readonly #channels: Set<string> = new Set();
  readonly #levels: Level[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  get channels(): ReadonlySet<string> {
    return this.#channels;
  }

  /** The transaction has executed LISTEN, UNLISTEN or NOTIFY. */
  get hasPending(): boolean {
    return this.#levels.some(({ listening, sent }) => listening.length > 0 || sent.length > 0);
  }

  beginLevel(): void {
    this.#levels.push({ listening: [], sent: [] });
  }

  commitLevel(): void {
    const gone = this.#levels.pop() as Level;
    const parent = this.#levels.at(-1);
    parent?.listening.push(...gone.listening);
    for (const one of gone.sent) if (parent !== undefined) addOnce(parent.sent, one);
  }

  abortLevel(): void {
    this.#levels.pop();
  }

  listen(channel: string): void {
    this.#levels.at(-1)?.listening.push({ kind: 'listen', channel });
  }

  unlisten(channel: string | undefined): void {
    this.#levels
      .at(-1)
      ?.listening.push(channel === undefined ? { kind: 'unlistenAll' } : { kind: 'unlisten', channel });
  }

  /** The same channel and payload are sent once per transaction. */
  notify(channel: string, payload: string): void {
    if (channel === '') throw channelNameEmpty();
    if (channel.length > 63) throw channelNameTooLong();
    if (payload.length >= 8000) throw payloadTooLong();
    addOnce((this.#levels.at(-1) as Level).sent, { channel, payload, pid: this.#pid });
  }

  /** At the commit of the whole transaction: listening changes take effect, and what is to be sent is answered. */
  commitAll(): readonly Notification[] {
    const last = this.#levels.pop() as Level;
    for (const change of last.listening) {
      if (change.kind === 'listen') this.#channels.add(change.channel);
      else if (change.kind === 'unlisten') this.#channels.delete(change.channel);
      else this.#channels.clear();
    }
    return last.sent;
  }

  /** DISCARD ALL: at once. */
  clear(): void {
    this.#channels.clear();
  }
}

function addOnce(sent: Notification[], one: Notification): void {
  if (!sent.some(({ channel, payload }) => channel === one.channel && payload === one.payload)) sent.push(one);
}
