import { utf8 } from '@multigres/core';
import { encodeCopyData, encodeCopyDone, encodeCopyResponse, formatText, type MessageWriter } from '@multigres/pgwire';

import type { Wait } from '../wait.ts';

/** The messages of COPY that a server sends, always in text format. */
export class CopyOut {
  readonly #writer: MessageWriter;
  readonly #flushIfFull: () => Wait | undefined;

  constructor(writer: MessageWriter, flushIfFull: () => Wait | undefined) {
    this.#writer = writer;
    this.#flushIfFull = flushIfFull;
  }

  beginIn(columns: number): void {
    encodeCopyResponse(
      this.#writer,
      'in',
      formatText,
      Array.from({ length: columns }, () => formatText),
    );
  }

  begin(columns: number): void {
    encodeCopyResponse(
      this.#writer,
      'out',
      formatText,
      Array.from({ length: columns }, () => formatText),
    );
  }

  line(line: string): Wait | undefined {
    encodeCopyData(this.#writer, utf8(`${line}\n`));
    return this.#flushIfFull();
  }

  end(): void {
    encodeCopyDone(this.#writer);
  }
}
