const lineCharsMax = 65_536;

/** Cuts a program's output into lines without their ends; what has no end for 64 KiB is cut there. */
export class OutputLines {
  readonly #emit: (line: string) => void;
  #rest = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() as string;
    for (const line of lines) this.#cut(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (this.#rest.length > lineCharsMax) {
      this.#emit(this.#rest.slice(0, lineCharsMax));
      this.#rest = this.#rest.slice(lineCharsMax);
    }
  }

  /** The program has ended: what has no end is a line too. */
  end(): void {
    if (this.#rest !== '') this.#cut(this.#rest);
    this.#rest = '';
  }

  #cut(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += lineCharsMax) this.#emit(line.slice(at, at + lineCharsMax));
  }
}
