import { concat, emptyBytes, utf8, utf8Text } from '../../base/bytes.ts';
import { NetworkError, type Connection, type ConnectionHandler } from '../network.ts';
import { encodeRecords, recordType, type ToyRecord, type ToyRecordReader } from './toy-records.ts';

const closeNotify = 'close notify';

/** An end of a connection that speaks toy TLS, over one that does not. Nothing is told before somebody attaches. */
export class ToyConnection implements Connection {
  readonly #plain: Connection;
  readonly #reader: ToyRecordReader;
  #handler: ConnectionHandler | undefined;
  /** Records that can not be told yet: they came with the end of the handshake, or while paused. */
  #early: ToyRecord[];
  #paused = false;
  #ended = false;
  #destroyed = false;
  #endTold = false;
  #scheduled = false;
  #broken: NetworkError | undefined;
  #closed: { readonly error: NetworkError | undefined } | undefined;

  constructor(plain: Connection, reader: ToyRecordReader, early: readonly ToyRecord[]) {
    this.#plain = plain;
    this.#reader = reader;
    this.#early = [...early];
    plain.pause();
    plain.attach({
      data: (bytes) => this.#onData(bytes),
      end: () => this.#tellEnd(),
      drain: () => this.#handler?.drain(),
      closed: (error) => this.#onClosed(error),
    });
  }

  get remote(): string {
    return this.#plain.remote;
  }

  get backlogBytes(): number {
    return this.#plain.backlogBytes;
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (!this.#paused) this.#plain.resume();
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#destroyed) return true;
    return this.#plain.write(bytes.length === 0 ? bytes : encodeRecords(recordType.data, bytes));
  }

  pause(): void {
    this.#paused = true;
    this.#plain.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler === undefined) return;
    this.#plain.resume();
    this.#schedule();
  }

  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.#plain.write(encodeRecords(recordType.alert, utf8(closeNotify)));
    this.#plain.end();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#early = [];
    this.#plain.destroy();
  }

  /** Not inside the call that asked for it: handlers rely on that. */
  #schedule(): void {
    if (this.#scheduled || (this.#early.length === 0 && this.#closed === undefined)) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      this.#tell();
      if (this.#closed !== undefined) this.#onClosed(this.#closed.error);
    });
  }

  #onData(bytes: Uint8Array): void {
    const records = this.#reader.read(bytes);
    if (records === undefined) return this.#break('wrong version number');
    this.#early.push(...records);
    this.#tell();
  }

  /** What has arrived together is told together. */
  #tell(): void {
    if (!this.#mayTell) return;
    const other = this.#early.findIndex((record) => record.type !== recordType.data);
    const count = other < 0 ? this.#early.length : other;
    const data = concat([emptyBytes, ...this.#early.splice(0, count).map(({ content }) => content)]);
    if (data.length > 0 && !this.#endTold) this.#handler?.data(data);
    // The call may have paused, closed or handed over the connection.
    const record = this.#mayTell ? this.#early.shift() : undefined;
    if (record === undefined) return;
    if (record.type === recordType.alert && utf8Text(record.content) === closeNotify) this.#tellEnd();
    else this.#break(record.type === recordType.alert ? `alert: ${utf8Text(record.content)}` : 'unexpected message');
  }

  get #mayTell(): boolean {
    return this.#handler !== undefined && !this.#paused && !this.#destroyed;
  }

  #tellEnd(): void {
    if (this.#endTold || this.#destroyed) return;
    this.#endTold = true;
    this.#handler?.end();
  }

  #break(problem: string): void {
    if (this.#destroyed) return;
    this.#broken = new NetworkError('tls', problem);
    this.destroy();
  }

  #onClosed(error: NetworkError | undefined): void {
    this.#closed = { error };
    if (this.#handler === undefined) return;
    this.#closed = undefined;
    this.#handler.closed(error ?? this.#broken);
  }
}
