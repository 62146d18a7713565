import { LineSplitter } from '@multigres/core';

/** What a parent says to a child, a word a line. The end of its standard input means that the parent is gone. */
export type ParentWord = 'drain' | 'stop' | 'reload';
/** What a child says to its parent. */
export type ChildWord = 'ready' | 'drain' | 'stop';

const wordBytesMax = 64;

/** The process that started this one (`--with-parent`). It alone decides when this one ends: signals to the whole group reach it, too. */
export class Parent {
  readonly #heard: (word: ParentWord) => void;

  /** A parent that dies, however it dies, says `stop` that way. */
  constructor(heard: (word: ParentWord) => void) {
    this.#heard = heard;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
    process.stdout.on('error', () => {});
    const gone = (): void => this.#heard('stop');
    process.stdin
      .on(
        'data',
        wordsOf<ParentWord>((word) => this.#heard(word)),
      )
      .on('end', gone)
      .on('close', gone)
      .on('error', gone);
  }

  tell(word: ChildWord): void {
    process.stdout.write(`${word}\n`);
  }
}

/** Calls `heard` with each word of what comes in pieces. */
export function wordsOf<W extends string>(heard: (word: W) => void): (bytes: Uint8Array) => void {
  const lines = new LineSplitter((line) => heard(line as W), wordBytesMax);
  return (bytes) => lines.push(Buffer.from(bytes).toString('latin1'));
}
