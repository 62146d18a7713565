import { utf8Text, type Connection } from '@multigres/core';
import {
  backendTag,
  decodeDataRow,
  decodeErrorResponse,
  encodeBind,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '@multigres/pgwire';
import { made, startup, type Startup } from '../generate/client-messages.ts';
import { Wire } from './wire.ts';

/** A well-behaved session beside the others: it knows what each of its answers must be. */
export class Canary {
  readonly #name: string;
  readonly #wire: Wire;
  #asked = 0;
  #heard: string[] = [];
  #wake: ((heard: readonly string[]) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(name: string, connection: Connection, who: Startup) {
    this.#name = name;
    const sink = {
      frame: (tag: number, buffer: Uint8Array, start: number, end: number) => this.#frame(tag, buffer, start, end),
      part: () => {},
    };
    this.#wire = new Wire(connection, sink);
    connection.write(startup(who));
  }

  /** Resolves when it is logged in. */
  ready(): Promise<unknown> {
    return this.#answer();
  }

  /** Asks something, in one of three ways; rejects if the answer is not its own. */
  async ask(): Promise<void> {
    this.#asked += 1;
    const text = `select '${this.#name} ${this.#asked}'`;
    const { connection } = this.#wire;
    const way = this.#asked % 3;
    if (way === 0) connection.write(made((writer) => encodeQuery(writer, text)));
    else if (way === 1) {
      // Carried: the same text each time, parsed under one name.
      for (const write of extended(text)) connection.write(write);
    } else {
      connection.write(made((writer) => encodeQuery(writer, 'begin')));
      await this.#answer();
      connection.write(made((writer) => encodeQuery(writer, text)));
      this.#expect(text, await this.#answer());
      connection.write(made((writer) => encodeQuery(writer, 'commit')));
      await this.#answer();
      return;
    }
    this.#expect(text, await this.#answer());
  }

  #expect(text: string, heard: readonly string[]): void {
    if (heard.length === 1 && heard[0] === text) return;
    throw new Error(`${this.#name} asked ${text} and was answered ${JSON.stringify(heard).slice(0, 300)}`);
  }

  #answer(): Promise<readonly string[]> {
    if (this.#wire.isClosed) return Promise.reject(new Error(`${this.#name} has lost its session`));
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      this.#fail = reject;
    });
  }

  #frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.dataRow)
      this.#heard.push(
        utf8Text(decodeDataRow(buffer.slice(start, end), 0, end - start)?.values[0] ?? new Uint8Array(0)),
      );
    else if (tag === backendTag.errorResponse) {
      const report = decodeErrorResponse(buffer, start, end)?.report;
      this.#fail?.(new Error(`${this.#name} was told ${report?.sqlstate} ${report?.message} ${report?.detail ?? ''}`));
    } else if (tag === backendTag.readyForQuery) {
      const wake = this.#wake;
      this.#wake = undefined;
      wake?.(this.#heard.splice(0));
    }
  }
}

function extended(text: string): Uint8Array[] {
  return [
    made((writer) => encodeParse(writer, '', text)),
    made((writer) => encodeBind(writer, { portal: '', statement: '', parameters: [] })),
    made((writer) => encodeExecute(writer, '')),
    made(encodeSync),
  ];
}
