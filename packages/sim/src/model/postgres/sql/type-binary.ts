import { utf8, utf8Text } from '@multigres/core';

import { incorrectBinaryFormat, unsupported } from '../errors.ts';
import type { Value } from '../storage/value.ts';
import { formatValue, type OutputStyle } from './type-text.ts';
import { isStringType, oid, typeName } from './types.ts';

/** Microseconds between 1970 and 2000, where Postgres's binary timestamps begin. */
const postgresEpoch = 946_684_800_000_000n;

/** A type's send function. */
export function sendValue(value: Exclude<Value, null>, type: number, style: OutputStyle): Uint8Array {
  if (isStringType(type) || type === oid.unknown) return utf8(formatValue(value, type, style));
  const view = new DataView(new ArrayBuffer(8));
  const taken = (length: number): Uint8Array => new Uint8Array(view.buffer, 0, length);
  switch (type) {
    case oid.bool:
      return Uint8Array.of(value === true ? 1 : 0);
    case oid.int2:
      view.setInt16(0, value as number);
      return taken(2);
    case oid.int4:
    case oid.oid:
      view.setInt32(0, value as number);
      return taken(4);
    case oid.bytea:
      return value as Uint8Array;
    case oid.int8:
    case oid.xid8:
    case oid.pgLsn:
      view.setBigInt64(0, value as bigint);
      return taken(8);
    case oid.float8:
      view.setFloat64(0, value as number);
      return taken(8);
    case oid.timestamp:
    case oid.timestamptz:
      view.setBigInt64(0, (value as bigint) - postgresEpoch);
      return taken(8);
    case oid.date:
      view.setInt32(0, Number(value) - 10_957);
      return taken(4);
    case oid.void:
      return new Uint8Array(0);
    default:
      throw unsupported(`binary output of type ${typeName(type)}`);
  }
}

const binaryLength: Readonly<Record<number, number>> = {
  [oid.bool]: 1,
  [oid.int2]: 2,
  [oid.int4]: 4,
  [oid.oid]: 4,
  [oid.date]: 4,
  [oid.int8]: 8,
  [oid.pgLsn]: 8,
  [oid.float8]: 8,
  [oid.timestamp]: 8,
  [oid.timestamptz]: 8,
};

/** A type's receive function. `parameter` is the number for messages. */
export function receiveValue(bytes: Uint8Array, type: number, parameter: number): Value {
  if (isStringType(type) || type === oid.unknown) return utf8Text(bytes);
  // What arrived is valid as long as the message: a row keeps bytes of its own.
  if (type === oid.bytea) return bytes.slice();
  const length = binaryLength[type];
  if (length === undefined) throw unsupported(`binary input of type ${typeName(type)}`);
  if (bytes.length !== length) throw incorrectBinaryFormat(parameter, bytes.length < length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case oid.bool:
      return bytes[0] !== 0;
    case oid.int2:
      return view.getInt16(0);
    case oid.int4:
      return view.getInt32(0);
    case oid.oid:
      return view.getUint32(0);
    case oid.int8:
      return view.getBigInt64(0);
    case oid.pgLsn:
      return view.getBigUint64(0);
    case oid.float8:
      return view.getFloat64(0);
    case oid.date:
      return BigInt(view.getInt32(0) + 10_957);
    default:
      return view.getBigInt64(0) + postgresEpoch;
  }
}
