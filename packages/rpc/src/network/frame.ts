import { concat, emptyBytes, utf8, utf8Text } from '@multigres/core';

/**
 * The frames of the transport over the `Network` port: `[length u32][kind u8][call id u32][body]`, big-endian; the length counts what follows
 * it. One connection carries many calls; ids are chosen by the client and count up.
 *
 * | kind | from | body |
 * |---|---|---|
 * | open | client | deadline in ms u32 (0: none), credit u16, path length u16, path, request |
 * | message | server | one answer |
 * | end | server | nothing: the call is complete |
 * | failed | server | gRPC code u8, an encoded `multigres.rpc.v1.Status` |
 * | cancel | client | nothing |
 * | credit | client | messages u16 that may be sent on top |
 * | ping, pong | both | nothing; call id 0 |
 */
export const frameKind = { open: 1, message: 2, end: 3, failed: 4, cancel: 5, credit: 6, ping: 7, pong: 8 } as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

export interface Frame {
  readonly kind: number;
  readonly call: number;
  readonly body: Uint8Array;
}

export interface OpenBody {
  readonly deadlineMs: number | undefined;
  readonly credit: number;
  readonly path: string;
  readonly request: Uint8Array;
}

const headerBytes = 9;

export function encodeFrame(kind: FrameKind, call: number, body: Uint8Array = emptyBytes): Uint8Array {
  const bytes = new Uint8Array(headerBytes + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 5 + body.length);
  view.setUint8(4, kind);
  view.setUint32(5, call);
  bytes.set(body, headerBytes);
  return bytes;
}

export function encodeOpen(open: OpenBody): Uint8Array {
  const path = utf8(open.path);
  const bytes = new Uint8Array(8 + path.length + open.request.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, open.deadlineMs === undefined ? 0 : Math.max(1, Math.min(0xffff_ffff, Math.ceil(open.deadlineMs))));
  view.setUint16(4, open.credit);
  view.setUint16(6, path.length);
  bytes.set(path, 8);
  bytes.set(open.request, 8 + path.length);
  return bytes;
}

/** Undefined if the bytes are no such body. */
export function decodeOpen(body: Uint8Array): OpenBody | undefined {
  if (body.length < 8) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const deadlineMs = view.getUint32(0);
  const pathEnd = 8 + view.getUint16(6);
  if (body.length < pathEnd) return undefined;
  return {
    deadlineMs: deadlineMs === 0 ? undefined : deadlineMs,
    credit: view.getUint16(4),
    path: utf8Text(body.subarray(8, pathEnd)),
    request: body.subarray(pathEnd),
  };
}

export function encodeCredit(messages: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, messages);
  return bytes;
}

/** Undefined if the bytes are no such body. */
export function decodeCredit(body: Uint8Array): number | undefined {
  return body.length === 2 ? new DataView(body.buffer, body.byteOffset, 2).getUint16(0) : undefined;
}

/** Cuts a stream of bytes, in pieces of any size, into frames. Holds at most one incomplete frame: what arrived of it, not what it claims. */
export class FrameReader {
  readonly #bodyBytesMax: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #needed = headerBytes;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Copies `bytes`. Answers the frames that are now complete, or why the stream makes no sense; after that it must not be used. */
  push(bytes: Uint8Array): { readonly frames: readonly Frame[]; readonly malformed: string | undefined } {
    this.#parts.push(bytes.slice());
    this.#length += bytes.length;
    const frames: Frame[] = [];
    if (this.#length < this.#needed) return { frames, malformed: undefined };
    const joined = concat(this.#parts);
    const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength);
    let at = 0;
    this.#needed = headerBytes;
    while (joined.length - at >= headerBytes) {
      const length = view.getUint32(at);
      if (length < 5 || length - 5 > this.#bodyBytesMax) return { frames, malformed: `length ${length}` };
      if (joined.length - at < 4 + length) {
        this.#needed = 4 + length;
        break;
      }
      const body = joined.subarray(at + headerBytes, at + 4 + length);
      frames.push({ kind: view.getUint8(at + 4), call: view.getUint32(at + 5), body });
      at += 4 + length;
    }
    this.#parts = at === joined.length ? [] : [joined.subarray(at)];
    this.#length = joined.length - at;
    return { frames, malformed: undefined };
  }
}
