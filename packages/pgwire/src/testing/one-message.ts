import { assert } from '@multigres/core';
import { MessageWriter } from '../wire/message-writer.ts';

/** For tests: a message somewhere inside a buffer, as a deframer gives it. */
export interface PlacedMessage {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * What `write` writes, put between bytes that belong to other messages, so that reading outside of the message shows:
 * zeros behind it would end a text that does not end inside.
 */
export function placed(write: (writer: MessageWriter) => void): PlacedMessage {
  const writer = new MessageWriter(256);
  write(writer);
  const bytes = writer.take();
  const buffer = new Uint8Array(bytes.length + 20).fill(0x41, 0, 7);
  buffer.set(bytes, 7);
  return { buffer, start: 7, end: 7 + bytes.length };
}

/** The same, of bytes that are there already. */
export function placedBytes(bytes: Uint8Array): PlacedMessage {
  return placed((writer) => writer.bytes(bytes));
}

/** Decodes and insists. */
export function decoded<T>(
  message: PlacedMessage,
  decode: (buffer: Uint8Array, start: number, end: number) => T | undefined,
): T {
  const value = decode(message.buffer, message.start, message.end);
  assert(value !== undefined, 'what was encoded can be decoded');
  return value;
}
