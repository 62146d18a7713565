import { AssertionFailed, type Clock, type Connection, type Endpoint, type Listener } from '@multigres/core';
import { CallScope } from '../call-scope.ts';
import { messageTooLarge, methodNotServed, serverClosing, tooManyCalls } from '../errors.ts';
import type { ServedMethod, ServedService } from '../service.ts';
import { statusOfError } from '../status.ts';
import type { RpcServer } from '../transport.ts';
import { decodeCredit, decodeOpen, frameKind, type Frame, type OpenBody } from './frame.ts';
import { Link } from './link.ts';
import type { NetworkTransportLimits } from './network-transport.ts';

interface ServedCall {
  readonly scope: CallScope;
  readonly kind: ServedMethod['kind'];
  credit: number;
  /** Wakes a stream that has used up its credit. */
  credited: (() => void) | undefined;
}

/** How long a client may take to close its end when the server has said goodbye. */
const lingerMs = 500;

interface Peer {
  readonly link: Link;
  readonly calls: Map<number, ServedCall>;
}

/** The server's side of the transport over the `Network` port. */
export class NetworkServer implements RpcServer {
  readonly #clock: Clock;
  readonly #limits: NetworkTransportLimits;
  readonly #methods = new Map<string, ServedMethod>();
  readonly #peers = new Set<Peer>();
  #listener: Listener | undefined;
  #closing: Promise<void> | undefined;
  /** While closing: looks again whether it may go on. */
  #changed: (() => void) | undefined;

  constructor(clock: Clock, limits: NetworkTransportLimits, services: readonly ServedService[]) {
    this.#clock = clock;
    this.#limits = limits;
    for (const service of services) for (const method of service.methods) this.#methods.set(method.path, method);
  }

  /** Must be called once, before anything else. */
  listening(listener: Listener): void {
    this.#listener = listener;
  }

  get endpoint(): Endpoint {
    return (this.#listener as Listener).endpoint;
  }

  accept(connection: Connection): void {
    const calls = new Map<number, ServedCall>();
    const link = new Link(connection, this.#clock, this.#limits, {
      frame: (frame) => this.#frame(peer, frame),
      closed: () => this.#gone(peer),
    });
    const peer: Peer = { link, calls };
    this.#peers.add(peer);
  }

  close(options: { readonly graceMs: number }): Promise<void> {
    this.#closing ??= this.#close(options.graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const freed = this.#listener?.close();
    for (const peer of this.#peers) {
      for (const [id, call] of peer.calls) {
        if (call.kind !== 'serverStream') continue;
        call.scope.cancel();
        this.#fail(peer, id, serverClosing());
      }
    }
    await this.#settled(graceMs, () => [...this.#peers].every((peer) => peer.calls.size === 0));
    for (const peer of this.#peers) {
      for (const call of peer.calls.values()) call.scope.cancel();
      peer.calls.clear();
      // What is written still leaves; the client closes in turn.
      peer.link.end();
    }
    await this.#settled(lingerMs, () => this.#peers.size === 0);
    for (const peer of this.#peers) peer.link.destroy();
    await freed;
  }

  /** Resolves when `holds` does, or after `limitMs`. */
  #settled(limitMs: number, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#changed = undefined;
        resolve();
      };
      const timer = this.#clock.after(limitMs, end);
      this.#changed = (): void => {
        if (holds()) end();
      };
    });
  }

  #frame(peer: Peer, frame: Frame): void {
    if (frame.kind === frameKind.open) {
      const open = decodeOpen(frame.body);
      // Answers that nobody reads must not pile up either.
      const drowned = peer.link.backlogBytes > 4 * this.#limits.messageBytesMax;
      if (open === undefined || drowned || peer.calls.has(frame.call)) peer.link.destroy();
      else this.#open(peer, frame.call, open);
      return;
    }
    const call = peer.calls.get(frame.call);
    if (frame.kind === frameKind.cancel) {
      call?.scope.cancel();
      this.#forget(peer, frame.call);
      return;
    }
    const credit = frame.kind === frameKind.credit ? decodeCredit(frame.body) : undefined;
    if (credit === undefined) {
      peer.link.destroy();
      return;
    }
    if (call === undefined) return;
    call.credit += credit;
    call.credited?.();
  }

  #open(peer: Peer, id: number, open: OpenBody): void {
    const method = this.#methods.get(open.path);
    const scope = new CallScope(this.#clock, peer.link.remote, open.deadlineMs, () => this.#forget(peer, id));
    const call: ServedCall = { scope, kind: method?.kind ?? 'unary', credit: open.credit, credited: undefined };
    peer.calls.set(id, call);
    peer.link.watch(true);
    if (this.#closing !== undefined) this.#fail(peer, id, serverClosing());
    else if (peer.calls.size > this.#limits.callsMax) this.#fail(peer, id, tooManyCalls(this.#limits.callsMax));
    else if (method === undefined) this.#fail(peer, id, methodNotServed(open.path));
    else void this.#run(peer, id, call, method, open.request);
  }

  async #run(peer: Peer, id: number, call: ServedCall, method: ServedMethod, request: Uint8Array): Promise<void> {
    try {
      if (method.kind === 'unary') this.#message(peer, id, method, await method.run(request, call.scope));
      else await this.#stream(peer, id, call, method, method.run(request, call.scope));
      if (peer.calls.get(id) !== call) return;
      peer.link.send(frameKind.end, id);
      this.#forget(peer, id);
    } catch (error) {
      // A broken invariant is ours to crash on, not the caller's to read about.
      if (error instanceof AssertionFailed) this.#clock.soon(() => rethrow(error));
      if (peer.calls.get(id) === call) this.#fail(peer, id, error);
    }
  }

  async #stream(
    peer: Peer,
    id: number,
    call: ServedCall,
    method: ServedMethod,
    messages: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    for await (const message of messages) {
      // Leaving the loop returns the handler's iterator.
      if (call.scope.cancelled || peer.calls.get(id) !== call) return;
      this.#message(peer, id, method, message);
      call.credit -= 1;
      if (call.credit <= 0) await creditOrCancel(call);
      if (call.scope.cancelled) return;
    }
  }

  #message(peer: Peer, id: number, method: ServedMethod, message: Uint8Array): void {
    if (message.length > this.#limits.messageBytesMax) {
      throw messageTooLarge(method.path, message.length, this.#limits.messageBytesMax, 'unknown');
    }
    if (peer.calls.has(id)) peer.link.send(frameKind.message, id, message);
  }

  #fail(peer: Peer, id: number, error: unknown): void {
    const status = statusOfError(error);
    const details = status.details as Uint8Array;
    const body = new Uint8Array(1 + details.length);
    body[0] = status.code;
    body.set(details, 1);
    peer.link.send(frameKind.failed, id, body);
    this.#forget(peer, id);
  }

  #forget(peer: Peer, id: number): void {
    peer.calls.get(id)?.scope.finish();
    peer.calls.delete(id);
    if (peer.calls.size === 0) peer.link.watch(false);
    this.#changed?.();
  }

  #gone(peer: Peer): void {
    this.#peers.delete(peer);
    for (const call of peer.calls.values()) call.scope.cancel();
    peer.calls.clear();
    this.#changed?.();
  }
}

async function creditOrCancel(call: ServedCall): Promise<void> {
  while (call.credit <= 0 && !call.scope.cancelled) {
    await new Promise<void>((resolve) => {
      const withdraw = call.scope.onCancel(resolve);
      call.credited = (): void => {
        withdraw();
        resolve();
      };
    });
    call.credited = undefined;
  }
}

function rethrow(error: Error): never {
  throw error;
}
