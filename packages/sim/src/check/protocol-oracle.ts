import { utf8Text } from '@multigres/core';
import { Framer } from './framer.ts';

/** What a client has sent, as far as it decides which replies are owed. */
export type Sent =
  | 'query'
  | 'parse'
  | 'bind'
  | 'describeStatement'
  | 'describePortal'
  | 'execute'
  | 'close'
  | 'sync'
  | 'functionCall'
  | 'noReply';

type Owed = Exclude<Sent, 'noReply'>;

/** Where the reply to the oldest message stands. */
interface Progress {
  /** Results that were completed. */
  completed: number;
  /** Columns of the result that is being sent; undefined between results. */
  columns: number | undefined;
  failed: boolean;
  /** ParameterDescription has come. */
  described: boolean;
  copying: 'no' | 'in' | 'out';
}

const asynchronous = new Set(['N', 'S', 'A']);

/**
 * Watches what one client sends and receives, and says whether a real server could have sent that: which replies, in which order, each
 * exactly once (PostgreSQL documentation, "Message Flow"). It knows nothing of the proxy and shares no code with it.
 */
export class ProtocolOracle {
  readonly #fail: (sentence: string) => void;
  readonly #framer: Framer;
  readonly #owed: Owed[] = [];
  #phase: 'authenticating' | 'welcoming' | 'running' | 'over' = 'authenticating';
  #progress: Progress = fresh();
  /** After an error everything up to the next Sync goes unanswered. */
  #skipping = false;
  #dead = false;

  constructor(fail: (sentence: string) => void) {
    this.#fail = (sentence) => {
      if (this.#dead) return;
      this.#dead = true;
      fail(sentence);
    };
    this.#framer = new Framer(
      (tag, body) => this.#message(tag, body),
      (why) => this.#fail(why),
    );
  }

  /** Replies that the server still owes. */
  get owed(): number {
    return this.#owed.length;
  }

  sent(message: Sent): void {
    if (message === 'noReply') return;
    if (this.#skipping && message !== 'sync') return;
    this.#skipping = false;
    this.#owed.push(message);
  }

  received(bytes: Uint8Array): void {
    if (!this.#dead) this.#framer.feed(bytes);
  }

  #message(tag: string, body: Uint8Array): void {
    if (this.#dead) return;
    if (this.#phase === 'over') this.#fail(`message ${tag} came after a fatal error`);
    else if (tag === 'E' && isFatal(body)) this.#phase = 'over';
    else if (this.#phase === 'authenticating') this.#authenticating(tag, body);
    else if (this.#phase === 'welcoming') this.#welcoming(tag, body);
    else if (!asynchronous.has(tag)) this.#running(tag, body);
  }

  #authenticating(tag: string, body: Uint8Array): void {
    if (tag === 'v' || tag === 'N') return;
    if (tag !== 'R') this.#fail(`message ${tag} came before the authentication was over`);
    else if (new DataView(body.buffer, body.byteOffset).getInt32(0) === 0) this.#phase = 'welcoming';
  }

  #welcoming(tag: string, body: Uint8Array): void {
    if (tag === 'K' || tag === 'S' || tag === 'N') return;
    if (tag !== 'Z') {
      this.#fail(`message ${tag} came before the first ReadyForQuery`);
      return;
    }
    if (String.fromCharCode(body[0] as number) !== 'I')
      this.#fail('a new session is not idle: it is inside a transaction');
    this.#phase = 'running';
  }

  #running(tag: string, body: Uint8Array): void {
    const head = this.#owed[0];
    if (head === undefined) {
      this.#fail(`message ${tag} came although no reply was owed`);
      return;
    }
    const verdict = tag === 'E' ? this.#error(head, body) : legal[head](tag, body, this.#progress);
    if (verdict === 'done') {
      this.#owed.shift();
      this.#progress = fresh();
    } else if (verdict !== 'more') {
      this.#fail(`message ${tag} is no reply to ${head}${verdict === 'illegal' ? '' : `: ${verdict}`}`);
    }
  }

  #error(head: Owed, body: Uint8Array): 'more' | string {
    if (head === 'query' || head === 'sync' || head === 'functionCall') {
      // The end of the session may come at any time, also between an error and its ReadyForQuery.
      if (this.#progress.failed) return isFatal(body) ? 'more' : 'a second error in one reply';
      this.#progress.failed = true;
      this.#progress.columns = undefined;
      return 'more';
    }
    const sync = this.#owed.indexOf('sync');
    if (sync < 0) {
      this.#owed.length = 0;
      this.#skipping = true;
    } else this.#owed.splice(0, sync);
    this.#progress = fresh();
    if (sync >= 0) this.#progress.failed = true;
    return 'more';
  }
}

function fresh(): Progress {
  return { completed: 0, columns: undefined, failed: false, described: false, copying: 'no' };
}

type Judge = (tag: string, body: Uint8Array, progress: Progress) => 'more' | 'done' | 'illegal' | string;

function only(wanted: string): Judge {
  return (tag) => (tag === wanted ? 'done' : 'illegal');
}

function ready(body: Uint8Array): 'done' | string {
  const status = String.fromCharCode(body[0] as number);
  return body.length === 1 && 'ITE'.includes(status) ? 'done' : `transaction status ${JSON.stringify(status)}`;
}

function columnCount(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset).getInt16(0);
}

function copying(tag: string, progress: Progress): 'more' | 'illegal' {
  if (progress.copying === 'out' && tag === 'd') return 'more';
  if (progress.copying === 'out' && tag === 'c') {
    progress.copying = 'no';
    return 'more';
  }
  return 'illegal';
}

const query: Judge = (tag, body, progress) => {
  if (tag === 'Z') {
    if (progress.columns !== undefined) return 'the result before it is not complete';
    if (!progress.failed && progress.completed === 0) return 'no result and no error came before it';
    return ready(body);
  }
  if (progress.failed) return 'only ReadyForQuery may follow an error';
  if (progress.copying === 'out') return copying(tag, progress);
  switch (tag) {
    case 'T':
      if (progress.columns !== undefined) return 'the result before it is not complete';
      progress.columns = columnCount(body);
      return 'more';
    case 'D':
      if (progress.columns === undefined) return 'a row without a description';
      return columnCount(body) === progress.columns ? 'more' : 'a row with another number of columns than described';
    case 'C':
    case 'I':
      progress.columns = undefined;
      progress.copying = 'no';
      progress.completed += 1;
      return 'more';
    case 'G':
    case 'H':
      progress.copying = tag === 'G' ? 'in' : 'out';
      return 'more';
    default:
      return 'illegal';
  }
};

const execute: Judge = (tag, body, progress) => {
  if (progress.copying === 'out') return copying(tag, progress);
  switch (tag) {
    case 'D': {
      const count = columnCount(body);
      if (progress.columns !== undefined && progress.columns !== count) return 'rows with different numbers of columns';
      progress.columns = count;
      return 'more';
    }
    case 'C':
    case 's':
      return 'done';
    case 'I':
      return progress.columns === undefined ? 'done' : 'rows and an empty query';
    case 'G':
    case 'H':
      progress.copying = tag === 'G' ? 'in' : 'out';
      return 'more';
    default:
      return 'illegal';
  }
};

const legal: Readonly<Record<Owed, Judge>> = {
  query,
  execute,
  parse: only('1'),
  bind: only('2'),
  close: only('3'),
  describePortal: (tag) => (tag === 'T' || tag === 'n' ? 'done' : 'illegal'),
  describeStatement: (tag, _body, progress) => {
    if (progress.described) return tag === 'T' || tag === 'n' ? 'done' : 'illegal';
    progress.described = tag === 't';
    return progress.described ? 'more' : 'illegal';
  },
  sync: (tag, body) => (tag === 'Z' ? ready(body) : 'illegal'),
  functionCall: (tag, body, progress) => {
    if (tag === 'V' && progress.completed === 0) {
      progress.completed = 1;
      return 'more';
    }
    if (tag === 'Z' && (progress.failed || progress.completed === 1)) return ready(body);
    return 'illegal';
  },
};

/** Severity FATAL or PANIC, from the untranslated field V, else from S. */
function isFatal(body: Uint8Array): boolean {
  const fields = utf8Text(body).split('\0');
  const severity = fields.find((field) => field.startsWith('V')) ?? fields.find((field) => field.startsWith('S'));
  return severity !== undefined && /^[VS](FATAL|PANIC)$/.test(severity);
}
