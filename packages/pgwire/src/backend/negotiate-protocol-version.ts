import type { ProtocolVersion } from '../frontend/startup-message.ts';
import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface NegotiateProtocolVersion {
  readonly kind: 'negotiateProtocolVersion';
  /** The newest version that the server speaks, of the major version asked for. */
  readonly version: ProtocolVersion;
  readonly unknownOptions: readonly string[];
}

/** NegotiateProtocolVersion: not so new, and without these `_pq_.` options, please. */
export function encodeNegotiateProtocolVersion(
  writer: MessageWriter,
  version: ProtocolVersion,
  unknownOptions: readonly string[],
): void {
  writer.begin(backendTag.negotiateProtocolVersion);
  // The documentation speaks of the minor version only; PostgreSQL sends and libpq reads the whole number.
  writer.int16(version.major);
  writer.int16(version.minor);
  writer.int32(unknownOptions.length);
  for (const option of unknownOptions) writer.cstring(option);
  writer.end();
}

export function decodeNegotiateProtocolVersion(
  buffer: Uint8Array,
  start: number,
  end: number,
): NegotiateProtocolVersion | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const version = { major: reader.uint16(), minor: reader.uint16() };
  const count = reader.uint32();
  const unknownOptions: string[] = [];
  for (let i = 0; i < count && reader.ok; i++) unknownOptions.push(reader.cstring());
  return reader.done ? { kind: 'negotiateProtocolVersion', version, unknownOptions } : undefined;
}
