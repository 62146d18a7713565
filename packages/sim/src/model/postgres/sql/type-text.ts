import { formatLsn, hex, parseLsn, utf8, type Lsn } from '@multigres/core';

import {
  invalidHexadecimal,
  invalidTextRepresentation,
  valueOutOfRangeForType,
  valueTooLong,
  numericFieldOverflow,
  unsupported,
} from '../errors.ts';
import { bytesOfHex } from '../storage/record-codec.ts';
import type { Value } from '../storage/value.ts';
import { Decimal } from './decimal.ts';
import { formatDate, formatTimestamp, parseTimestamp } from './timestamp.ts';
import { oid, typeName } from './types.ts';

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'].map((text) => [text, true] as const),
  ...['f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0'].map((text) => [text, false] as const),
]);

/** What Postgres's boolin takes. */
export function parseBoolean(text: string): boolean | undefined {
  return booleans.get(text.trim().toLowerCase());
}

const integerRange: Readonly<Record<number, readonly [bigint, bigint]>> = {
  [oid.int2]: [-32_768n, 32_767n],
  [oid.int4]: [-2_147_483_648n, 2_147_483_647n],
  [oid.int8]: [-(2n ** 63n), 2n ** 63n - 1n],
  [oid.oid]: [-2_147_483_648n, 4_294_967_295n],
  [oid.xid8]: [0n, 2n ** 64n - 1n],
};

function parseInteger(text: string, type: number): Value {
  const trimmed = text.trim();
  if (!/^[+-]?\d+$/.test(trimmed)) throw invalidTextRepresentation(typeName(type), text);
  const value = BigInt(trimmed);
  const [least, greatest] = integerRange[type] as readonly [bigint, bigint];
  if (value < least || value > greatest) throw valueOutOfRangeForType(text, typeName(type));
  return type === oid.int8 || type === oid.xid8 ? value : Number(value);
}

/** A type's input function. `typmod` is applied as an explicit cast would; `assignment` refuses what does not fit instead of cutting it. */
export function parseValue(text: string, type: number, typmod: number = -1, assignment = false): Value {
  switch (type) {
    case oid.int2:
    case oid.int4:
    case oid.int8:
    case oid.oid:
    case oid.xid8:
      return parseInteger(text, type);
    case oid.text:
    case oid.unknown:
      return text;
    case oid.name:
      return text.slice(0, 63);
    case oid.varchar:
    case oid.bpchar:
      return fitString(text, type, typmod, assignment);
    case oid.bool: {
      const value = parseBoolean(text);
      if (value === undefined) throw invalidTextRepresentation('boolean', text);
      return value;
    }
    case oid.numeric: {
      const value = Decimal.parse(text.trim());
      if (value === undefined) throw invalidTextRepresentation('numeric', text);
      return fitNumeric(value, typmod);
    }
    case oid.float8: {
      if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text)) {
        throw invalidTextRepresentation('double precision', text);
      }
      return Number(text);
    }
    case oid.timestamp:
    case oid.timestamptz:
    case oid.date:
      return parseTimestamp(text, type);
    case oid.bytea:
      return parseBytes(text);
    case oid.pgLsn: {
      const lsn = parseLsn(text.trim());
      if (lsn === undefined) throw invalidTextRepresentation('pg_lsn', text);
      return lsn;
    }
    case oid.void:
      return '';
    default:
      throw unsupported(`input of type ${type}`);
  }
}

/** varchar(n) and char(n): too long is an error unless only spaces go, or the cast is explicit. */
export function fitString(text: string, type: number, typmod: number, assignment: boolean): string {
  if (typmod < 4) return text;
  const length = typmod - 4;
  let fitted = text;
  if (text.length > length) {
    const characters = [...text];
    if (characters.length > length) {
      if (assignment && characters.slice(length).some((character) => character !== ' ')) {
        throw valueTooLong(type === oid.bpchar ? `character(${length})` : `character varying(${length})`);
      }
      fitted = characters.slice(0, length).join('');
    }
  }
  return type === oid.bpchar ? fitted.padEnd(length) : fitted;
}

/** numeric(p, s). */
export function fitNumeric(value: Decimal, typmod: number): Decimal {
  if (typmod < 4) return value;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (typmod - 4) & 0x7ff;
  const fitted = value.rescale(scale);
  const magnitude = fitted.unscaled < 0n ? -fitted.unscaled : fitted.unscaled;
  if (magnitude >= 10n ** BigInt(precision)) throw numericFieldOverflow(precision, scale);
  return fitted;
}

/** A type's output function. `timeZone` and `dateStyle` are the session's. */
export function formatValue(value: Exclude<Value, null>, type: number, style: OutputStyle): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return value ? 't' : 'f';
    case 'number':
      return type === oid.float8 ? formatFloat(value) : String(value);
    case 'bigint':
      if (type === oid.timestamp || type === oid.timestamptz) return formatTimestamp(value, type, style);
      if (type === oid.date) return formatDate(value, style);
      if (type === oid.pgLsn) return formatLsn(value as Lsn);
      return value.toString();
    default:
      return value instanceof Uint8Array ? `\\x${hex(value)}` : value.toString();
  }
}

/** bytea in its hex format; the older one is not modelled. */
function parseBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) {
    if (text.includes('\\')) throw unsupported('the escape format of bytea');
    return utf8(text);
  }
  const digits = text.slice(2);
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw invalidHexadecimal(digits);
  return bytesOfHex(digits);
}

export interface OutputStyle {
  readonly timeZone: string;
  readonly dateStyle: string;
}

/** Shortest digits that read back the same, in Postgres's notation. */
function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(value, -0)) return '-0';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e15)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(value);
}
