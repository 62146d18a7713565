const headerBytes = 5;
const messageBytesMax = 64 * 1024 * 1024;

/**
 * Cuts a server's bytes into messages. On purpose not pgwire's: an oracle that shares its reader with the code that it judges shares
 * its mistakes.
 */
export class Framer {
  readonly #message: (tag: string, body: Uint8Array) => void;
  readonly #malformed: (why: string) => void;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(message: (tag: string, body: Uint8Array) => void, malformed: (why: string) => void) {
    this.#message = message;
    this.#malformed = malformed;
  }

  feed(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.length - at >= headerBytes) {
      const length = view.getInt32(at + 1);
      if (length < 4 || length > messageBytesMax) {
        this.#malformed(`a message claims to be ${length} bytes long`);
        this.#rest = new Uint8Array(0);
        return;
      }
      if (all.length - at < length + 1) break;
      this.#message(String.fromCharCode(all[at] as number), all.subarray(at + headerBytes, at + 1 + length));
      at += 1 + length;
    }
    this.#rest = all.slice(at);
  }
}
