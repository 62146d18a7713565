import { utf8 } from '@multigres/core';
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  MessageWriter,
} from '@multigres/pgwire';
import type { Mode } from './pgbench.ts';

/** The name under which each session prepares. Names are its own, also in transaction pooling. */
const prepared = 'select';
const byParameter = 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;';

/** pgbench's point select as it goes over the wire, byte for byte what libpq sends for pgbench -S. Each ends with its own Sync. */
export class SelectStatement {
  readonly #mode: Mode;
  readonly #rows: number;
  readonly #writer = new MessageWriter();

  /** `rows`: how many there are to choose from, numbered from 1. */
  constructor(mode: Mode, rows: number) {
    this.#mode = mode;
    this.#rows = rows;
  }

  /** To be sent once per session, before the first statement; answered by one ReadyForQuery. Undefined if there is nothing to do. */
  preparation(): Uint8Array | undefined {
    if (this.#mode !== 'prepared') return undefined;
    encodeParse(this.#writer, prepared, byParameter);
    encodeSync(this.#writer);
    return this.#writer.take();
  }

  /** One statement for a row by chance; answered by one ReadyForQuery. */
  next(): Uint8Array {
    const key = String(1 + Math.floor(Math.random() * this.#rows));
    const writer = this.#writer;
    if (this.#mode === 'simple') encodeQuery(writer, `SELECT abalance FROM pgbench_accounts WHERE aid = ${key};`);
    else {
      const statement = this.#mode === 'prepared' ? prepared : '';
      if (this.#mode === 'extended') encodeParse(writer, '', byParameter);
      encodeBind(writer, { portal: '', statement, parameters: [utf8(key)] });
      encodeDescribe(writer, 'portal', '');
      encodeExecute(writer, '');
      encodeSync(writer);
    }
    return writer.take();
  }
}
