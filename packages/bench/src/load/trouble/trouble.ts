import {
  backendTag,
  Deframer,
  encodeQuery,
  encodeStartupMessage,
  MessageWriter,
  uint32At,
  type FrameSink,
} from '@multigres/pgwire';
import { fork } from 'node:child_process';
import type { Address } from '../../peers/peer.ts';
import { dial, type Wire, type WireHandler } from '../dial.ts';
import type { Identity } from '../session.ts';

/** What a session does before it ends, in turn. */
const habits = ['query', 'error', 'abandonQuery', 'abandonTransaction', 'cancel', 'garbage', 'abandonLogin'] as const;
export type Habit = (typeof habits)[number];

const limits = { wholeBytesMax: 1 << 16, messageBytesMax: 0x3fff_ffff };
const cancelRequestCode = 80_877_102;

function message(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter(256);
  write(writer);
  return writer.take();
}
const queryBytes = (text: string): Uint8Array => message((writer) => encodeQuery(writer, text));

/** A client as no server likes them: connects, behaves badly in one way, and is gone. */
class TroubleSession implements WireHandler, FrameSink {
  readonly #address: Address;
  readonly #identity: Identity;
  readonly #habit: Habit;
  readonly #wire: Wire;
  readonly #over: () => void;
  readonly #deframer: Deframer = new Deframer(this, limits);
  #key: { readonly processId: number; readonly secret: number } | undefined;
  #readies = 0;

  constructor(address: Address, identity: Identity, habit: Habit, over: () => void) {
    this.#address = address;
    this.#identity = identity;
    this.#habit = habit;
    this.#over = over;
    this.#wire = dial(address, undefined, this);
  }

  connected(): void {
    const startup = message((writer) =>
      encodeStartupMessage(writer, { major: 3, minor: 0 }, [
        ['user', this.#identity.user],
        ['database', this.#identity.database],
      ]),
    );
    this.#wire.write(this.#habit === 'abandonLogin' ? startup.subarray(0, 11) : startup);
    if (this.#habit === 'abandonLogin') this.#wire.close();
  }

  data(bytes: Uint8Array): void {
    this.#deframer.feed(bytes);
  }

  closed(): void {
    this.#over();
  }

  part(): void {}

  frame(tag: number, buffer: Uint8Array, start: number): void {
    if (tag === backendTag.backendKeyData)
      this.#key = { processId: uint32At(buffer, start + 5), secret: uint32At(buffer, start + 9) };
    if (tag !== backendTag.readyForQuery) return;
    this.#readies += 1;
    if (this.#readies === 1) this.#misbehave();
    else this.#wire.close();
  }

  #misbehave(): void {
    switch (this.#habit) {
      case 'query':
        return this.#wire.write(queryBytes('SELECT 1'));
      case 'error':
        return this.#wire.write(queryBytes('SELECT 1/0'));
      case 'abandonQuery':
        this.#wire.write(queryBytes('SELECT count(*) FROM generate_series(1, 20000)'));
        return this.#wire.close();
      case 'abandonTransaction':
        this.#wire.write(queryBytes('BEGIN; CREATE TEMPORARY TABLE mess (i int)'));
        return this.#wire.close();
      case 'cancel':
        this.#wire.write(queryBytes('SELECT pg_sleep(5)'));
        return this.#cancel();
      default:
        this.#wire.write(Uint8Array.of(0, 255, 1, 2, 3, 4, 5, 6, 7, 8));
    }
  }

  #cancel(): void {
    const request = new Uint8Array(16);
    const view = new DataView(request.buffer);
    const { processId, secret } = this.#key ?? { processId: 0, secret: 0 };
    for (const [at, value] of [16, cancelRequestCode, processId, secret].entries()) view.setUint32(4 * at, value);
    const nothing = (): void => undefined;
    const wire: Wire = dial(this.#address, undefined, {
      connected: () => wire.write(request),
      data: nothing,
      closed: nothing,
    });
  }
}

export interface TroubleOrder {
  readonly address: Address;
  readonly identity: Identity;
  /** Sessions at a time, and for how long new ones come. */
  readonly atOnce: number;
  readonly ms: number;
  /** At most so many new ones; as many as go if absent. */
  readonly perSecond?: number;
}

/** Sessions that ended, whatever they did. */
export interface TroubleReport {
  readonly sessions: number;
}

/** Keeps `atOnce` troublesome sessions at the server in a process of its own. */
export function makeTrouble(order: TroubleOrder): Promise<TroubleReport> {
  const script = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  return new Promise((resolve, reject) => {
    const child = fork(script, {
      execArgv: ['--conditions=@multigres/source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.once('message', (report: TroubleReport) => resolve(report));
    child
      .once('error', reject)
      .once('exit', (code) => reject(new Error(`the trouble maker ended with exit code ${code}`)));
    child.send(order);
  });
}

/** In this process; resolves when the time is over and the last session has ended. */
export function troubleLoop({
  address,
  identity,
  atOnce,
  ms,
  perSecond = Infinity,
}: TroubleOrder): Promise<TroubleReport> {
  const beganMs = performance.now();
  const endMs = beganMs + ms;
  let [sessions, open] = [0, 0];
  return new Promise((resolve) => {
    const next = (): void => {
      if (performance.now() >= endMs) {
        if (open === 0) resolve({ sessions });
        return;
      }
      const dueMs = beganMs + (sessions * 1000) / perSecond - performance.now();
      if (dueMs > 1) return void setTimeout(next, dueMs);
      open += 1;
      const habit = habits[sessions % habits.length] as Habit;
      sessions += 1;
      // It lives by its connection.
      void new TroubleSession(address, identity, habit, () => {
        open -= 1;
        next();
      });
    };
    for (let i = 0; i < atOnce; i++) next();
  });
}
