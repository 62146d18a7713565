/**
 * Cuts a stream of text into lines without their ends (`\n`, `\r\n`). A line longer than `charsMax` is handed over in pieces, so that a program
 * that never ends its line cannot fill the memory.
 */
export class LineSplitter {
  readonly #charsMax: number;
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void, charsMax = 65_536) {
    this.#onLine = onLine;
    this.#charsMax = charsMax;
  }

  push(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#line(this.#rest + text.slice(from, end));
      this.#rest = '';
      from = end + 1;
    }
    this.#rest += text.slice(from);
    // One more than the limit, because the last character may be half of a line's end.
    while (this.#rest.length > this.#charsMax + 1) {
      this.#onLine(this.#rest.slice(0, this.#charsMax));
      this.#rest = this.#rest.slice(this.#charsMax);
    }
  }

  /** The stream is over: what is left is a line too. */
  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
  }

  #line(text: string): void {
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    for (let at = 0; at === 0 || at < end; at += this.#charsMax)
      this.#onLine(text.slice(at, Math.min(end, at + this.#charsMax)));
  }
}
