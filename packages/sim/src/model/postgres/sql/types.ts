/** OIDs of the types that the model knows (pg_type.dat); they are the same in every Postgres. */
export const oid = {
  bool: 16,
  bytea: 17,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float8: 701,
  unknown: 705,
  bpchar: 1042,
  varchar: 1043,
  pgLsn: 3220,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  void: 2278,
  xid8: 5069,
} as const;

export interface TypeInfo {
  readonly oid: number;
  /** pg_type.typname: what an unnamed cast is called. */
  readonly name: string;
  /** format_type(): what messages say. */
  readonly display: string;
  /** pg_type.typlen. */
  readonly length: number;
  readonly category: 'boolean' | 'number' | 'string' | 'time' | 'other';
}

const table: readonly TypeInfo[] = [
  { oid: oid.bool, name: 'bool', display: 'boolean', length: 1, category: 'boolean' },
  { oid: oid.bytea, name: 'bytea', display: 'bytea', length: -1, category: 'other' },
  { oid: oid.pgLsn, name: 'pg_lsn', display: 'pg_lsn', length: 8, category: 'other' },
  { oid: oid.name, name: 'name', display: 'name', length: 64, category: 'string' },
  { oid: oid.int8, name: 'int8', display: 'bigint', length: 8, category: 'number' },
  { oid: oid.int2, name: 'int2', display: 'smallint', length: 2, category: 'number' },
  { oid: oid.int4, name: 'int4', display: 'integer', length: 4, category: 'number' },
  { oid: oid.text, name: 'text', display: 'text', length: -1, category: 'string' },
  { oid: oid.oid, name: 'oid', display: 'oid', length: 4, category: 'number' },
  { oid: oid.float8, name: 'float8', display: 'double precision', length: 8, category: 'number' },
  { oid: oid.unknown, name: 'unknown', display: 'unknown', length: -2, category: 'other' },
  { oid: oid.bpchar, name: 'bpchar', display: 'character', length: -1, category: 'string' },
  { oid: oid.varchar, name: 'varchar', display: 'character varying', length: -1, category: 'string' },
  { oid: oid.date, name: 'date', display: 'date', length: 4, category: 'time' },
  { oid: oid.timestamp, name: 'timestamp', display: 'timestamp without time zone', length: 8, category: 'time' },
  { oid: oid.timestamptz, name: 'timestamptz', display: 'timestamp with time zone', length: 8, category: 'time' },
  { oid: oid.numeric, name: 'numeric', display: 'numeric', length: -1, category: 'number' },
  { oid: oid.void, name: 'void', display: 'void', length: 4, category: 'other' },
  { oid: oid.xid8, name: 'xid8', display: 'xid8', length: 8, category: 'other' },
];

const byOid: ReadonlyMap<number, TypeInfo> = new Map(table.map((type) => [type.oid, type]));
const byName: ReadonlyMap<string, TypeInfo> = new Map(table.map((type) => [type.name, type]));

export function typeInfo(type: number): TypeInfo {
  return byOid.get(type) as TypeInfo;
}

export function knownType(type: number): boolean {
  return byOid.has(type);
}

/** By the name that the parser gives after replacing SQL's spellings (`int` is `int4`). */
export function typeNamed(name: string): TypeInfo | undefined {
  return byName.get(name);
}

export function typeName(type: number): string {
  return byOid.get(type)?.display ?? '???';
}

export function isStringType(type: number): boolean {
  return byOid.get(type)?.category === 'string';
}

/** Wider types later; undefined if it is no number. Two numbers meet in the wider of their types. */
export function numberRank(type: number): number | undefined {
  switch (type) {
    case oid.int2:
      return 0;
    case oid.int4:
      return 1;
    case oid.oid:
      return 1.5;
    case oid.int8:
      return 2;
    case oid.numeric:
      return 3;
    case oid.float8:
      return 4;
    default:
      return undefined;
  }
}
