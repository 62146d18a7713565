import type { CatalogStatement } from '../statement/statement-catalog.ts';
import { bodyBytesMax, statementNameBytes, useKind, usesLength, type Use, type UseKind } from '@multigres/relay';

/** A piece is sent before it gets longer than this; it leaves room for the uses in front of it. */
export const pieceBytesMax: number = bodyBytesMax - usesLength(256);
export const usesMax = 256;

/** A use with its statement, so that the pooler can be told of it whenever the piece is sent. */
export interface StatementUse extends Use {
  readonly statement?: CatalogStatement;
}

/**
 * Collects the messages of one group on their way to the pooler: Parse messages are left out, names of carried statements replaced by
 * placeholders. One per gateway: sessions use it in turn, and what a session leaves unfinished it takes along.
 */
export class RequestBuilder {
  bytes: Uint8Array = new Uint8Array(bodyBytesMax);
  length = 0;
  uses: StatementUse[] = [];

  get isEmpty(): boolean {
    return this.length === 0 && this.uses.length === 0;
  }

  reset(): void {
    this.length = 0;
    if (this.uses.length > 0) this.uses = [];
  }

  /** Hands over what is there. The list of uses goes along even if it is empty: who comes next must not write into it. */
  take(): { readonly bytes: Uint8Array; readonly uses: StatementUse[] } {
    const taken = { bytes: this.bytes.slice(0, this.length), uses: this.uses };
    this.length = 0;
    this.uses = [];
    return taken;
  }

  /** Whether this many bytes and one more use fit into the piece. */
  fits(bytes: number): boolean {
    return this.length + bytes <= pieceBytesMax && this.uses.length < usesMax;
  }

  use(kind: UseKind, statement: CatalogStatement | undefined): void {
    if (statement === undefined) this.uses.push({ kind, offset: this.length, id: 0 });
    else this.uses.push({ kind, offset: this.length, id: statement.id, statement });
  }

  append(buffer: Uint8Array, start: number, end: number): void {
    const to = this.bytes;
    let at = this.length;
    if (end - start > 48) to.set(buffer.subarray(start, end), at);
    else for (let from = start; from < end; from++, at++) to[at] = buffer[from] as number;
    this.length += end - start;
  }

  /**
   * Appends a message whose statement name stands in [nameStart, nameEnd) (the zero byte at nameEnd) with a placeholder instead, and notes the
   * reference. `missingBytes` of the message come later, in pieces of their own.
   */
  appendReferring(
    statement: CatalogStatement,
    buffer: Uint8Array,
    start: number,
    end: number,
    nameStart: number,
    nameEnd: number,
    missingBytes: number = 0,
  ): void {
    const at = this.length;
    this.append(buffer, start, nameStart);
    this.use(useKind.refers, statement);
    this.length += statementNameBytes;
    this.append(buffer, nameEnd, end);
    const length = this.length - at - 1 + missingBytes;
    const to = this.bytes;
    to[at + 1] = length >>> 24;
    to[at + 2] = length >>> 16;
    to[at + 3] = length >>> 8;
    to[at + 4] = length;
  }
}
