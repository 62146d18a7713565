import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Where a proxy listens or what it stands before: a port of this machine, or the path of a socket. */
export type Place = number | string;

/** Which way nothing gets through: to the target, from it, or neither. */
export type CutWay = 'in' | 'out' | 'both';

/** Bytes that wait in one direction of one connection before the sender is held back. */
const waitingBytesMax = 1 << 20;

const optionsOf = (place: Place): { readonly port: number; readonly host: string } | { readonly path: string } =>
  typeof place === 'number' ? { port: place, host: '127.0.0.1' } : { path: place };

/**
 * Passes connections on, byte for byte, until it is told to be a bad link. Cut: nothing gets through, nobody is told, and new connections are taken
 * and never answered, as on a network that loses everything; when it heals, what was under way goes on. Cut one way: what is connected still hears from the
 * other end, which hears nothing; a new connection needs both ways. Late: every byte arrives so much later.
 */
export class FaultProxy {
  readonly #listen: Place;
  readonly #target: Place;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  #cut: CutWay | undefined;
  #delayMs = 0;

  constructor(listen: Place, target: Place) {
    this.#listen = listen;
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async open(): Promise<void> {
    if (typeof this.#listen === 'string') rmSync(this.#listen, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(optionsOf(this.#listen), () => resolve());
    });
    if (typeof this.#listen === 'string') chmodSync(this.#listen, 0o600);
  }

  close(): void {
    this.#server.close();
    for (const pipe of this.#pipes) pipe.destroy();
  }

  cut(way: CutWay = 'both'): void {
    this.#cut = way;
    for (const pipe of this.#pipes) pipe.flush();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  heal(): void {
    this.#cut = undefined;
    this.#delayMs = 0;
    for (const pipe of this.#pipes) pipe.flush();
  }

  #accept(client: Socket): void {
    const dial = (): Socket => createConnection({ ...optionsOf(this.#target) });
    const pipe = new Pipe(client, dial, { cut: () => this.#cut, delayMs: () => this.#delayMs });
    this.#pipes.add(pipe);
    pipe.onEnd = () => void this.#pipes.delete(pipe);
    pipe.flush();
  }
}

interface Weather {
  cut(): CutWay | undefined;
  delayMs(): number;
}

/** One connection. The way to the target is opened when the link first lets anything through. */
class Pipe {
  onEnd: () => void = () => {};
  readonly #client: Socket;
  readonly #dial: () => Socket;
  readonly #weather: Weather;
  readonly #out: Direction;
  readonly #back: Direction;
  #target: Socket | undefined;

  constructor(client: Socket, dial: () => Socket, weather: Weather) {
    this.#client = client;
    this.#dial = dial;
    this.#weather = weather;
    this.#out = new Direction(client, 'in', weather);
    this.#back = new Direction(undefined, 'out', weather);
    client.on('error', () => this.destroy());
    client.on('close', () => this.#closed());
  }

  flush(): void {
    const cut = this.#weather.cut();
    if (cut === 'both' || (cut !== undefined && this.#target === undefined)) return;
    if (cut === undefined && (this.#client.destroyed || this.#target?.destroyed)) {
      this.destroy();
      return;
    }
    if (this.#target === undefined) this.#connect();
    this.#out.flush();
    this.#back.flush();
  }

  destroy(): void {
    this.#client.destroy();
    this.#target?.destroy();
    this.onEnd();
  }

  #connect(): void {
    const target = this.#dial();
    this.#target = target;
    target.on('error', () => this.destroy());
    target.on('close', () => this.#closed());
    this.#out.to(target);
    this.#back.from(target);
    this.#back.to(this.#client);
  }

  /** The news of an end does not get through a cut either: it waits for the heal. */
  #closed(): void {
    if (this.#weather.cut() !== undefined) return;
    this.destroy();
  }
}

/** Bytes one way. An end of the stream travels with them. */
class Direction {
  readonly #way: CutWay;
  readonly #weather: Weather;
  readonly #waiting: { readonly bytes: Buffer | undefined; readonly dueMs: number }[] = [];
  #source: Socket | undefined;
  #sink: Socket | undefined;
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket | undefined, way: CutWay, weather: Weather) {
    this.#way = way;
    this.#weather = weather;
    if (source !== undefined) this.from(source);
  }

  from(source: Socket): void {
    this.#source = source;
    source.on('data', (bytes: Buffer) => this.#take(bytes));
    source.on('end', () => this.#take(undefined));
  }

  to(sink: Socket): void {
    this.#sink = sink;
    this.flush();
  }

  /** Passes on what is due. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sink === undefined || this.#isCut()) return;
    const nowMs = performance.now();
    const isLate = this.#weather.delayMs() > 0;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (isLate && next.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.flush(), next.dueMs - nowMs);
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes?.length ?? 0;
      if (next.bytes === undefined) this.#sink.end();
      else if (!this.#sink.destroyed) this.#sink.write(next.bytes);
    }
    if (this.#waitingBytes < waitingBytesMax) this.#source?.resume();
  }

  #isCut(): boolean {
    const cut = this.#weather.cut();
    return cut === 'both' || cut === this.#way;
  }

  #take(bytes: Buffer | undefined): void {
    this.#waiting.push({ bytes, dueMs: performance.now() + this.#weather.delayMs() });
    this.#waitingBytes += bytes?.length ?? 0;
    if (this.#waitingBytes >= waitingBytesMax) this.#source?.pause();
    if (this.#timer === undefined) this.flush();
  }
}
