import {
  hex,
  PgError,
  type TraceContext,
  type Fate,
  type PgErrorInit,
  type PgReport,
  type Severity,
} from '@multigres/core';
import { BodyReader, BodyWriter } from './body.ts';

/** First frame in each direction, on session 0. */
export interface Hello {
  readonly version: number;
  /** Component id of the sender, for logs and views. */
  readonly id: string;
}

/** How the pooler may log in to Postgres as the session's user. */
export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly password: string }
  /** What Postgres stores of an md5 password, which is enough where it asks for md5. */
  | { readonly kind: 'md5'; readonly verifier: string }
  /** SCRAM-SHA-256 passthrough: what the client's proof gave away, valid against the same verifier. */
  | { readonly kind: 'scramKeys'; readonly keys: { readonly clientKey: Uint8Array; readonly serverKey: Uint8Array } };

/** A client has arrived: make it a session of this user in this database. Answered by `opened` or `ended`. */
export interface Open {
  readonly user: string;
  readonly database: string;
  /** The startup packet's run-time settings, in order: what RESET goes back to. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly credentials: Credentials;
  /** A replication connection has a backend of its own, and its bytes are nobody's business in between. */
  readonly replication: Replication;
  /**
   * Where the session belongs: at the open leader, or at a follower, which runs what only reads and holds each answer until everything that it
   * shows is durable. Who is not what is asked for refuses (MG005, not applied).
   */
  readonly at: OpenAt;
}

export type OpenAt = 'leader' | 'follower';

/** The startup parameter `replication`: to the whole cluster or to one database. */
export type Replication = 'none' | 'physical' | 'logical';

/** A statement that `request` frames of this link refer to by `id`. `id` stays with this content until `forget`. */
export interface Define {
  readonly id: number;
  readonly query: string;
  readonly parameterTypes: readonly number[];
}

/** The settings that a session has made since it began, less those of its startup packet, which `open` has told. */
export interface CarriedSettings {
  /** Undefined: as in the startup packet. Apart from the others because it is what differs most between sessions that are alike. */
  readonly applicationName: string | undefined;
  /** SQL that makes the others, from those at login on; empty if there are none. */
  readonly text: string;
  /** In `settled`: the backend that ran the group has all of these now. Else nobody knows what it has, and it has to be given them anew. */
  readonly applied: boolean;
}

/** What every new session is told: the ParameterStatus messages of its backends, in order. */
export interface Opened {
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

export function encodeHello(hello: Hello): Uint8Array {
  return new BodyWriter().u32(hello.version).text(hello.id).done();
}

export function decodeHello(reader: BodyReader): Hello {
  return { version: reader.u32(), id: reader.text() };
}

const replications: readonly Replication[] = ['none', 'physical', 'logical'];

export function encodeOpen(open: Open): Uint8Array {
  const body = new BodyWriter().text(open.user).text(open.database);
  encodePairs(body, open.settings);
  switch (open.credentials.kind) {
    case 'none':
      body.u8(0);
      break;
    case 'password':
      body.u8(1).text(open.credentials.password);
      break;
    case 'scramKeys':
      body.u8(2).bytes(open.credentials.keys.clientKey).bytes(open.credentials.keys.serverKey);
      break;
    case 'md5':
      body.u8(3).text(open.credentials.verifier);
      break;
  }
  body.u8(replications.indexOf(open.replication));
  body.u8(open.at === 'follower' ? 1 : 0);
  return body.done();
}

export function decodeOpen(reader: BodyReader): Open {
  const user = reader.text();
  const database = reader.text();
  const settings = decodePairs(reader);
  const credentials = decodeCredentials(reader);
  const replication = replications[reader.u8()] ?? 'none';
  const at = reader.u8() === 1 ? 'follower' : 'leader';
  return { user, database, settings, credentials, replication, at };
}

function decodeCredentials(reader: BodyReader): Credentials {
  switch (reader.u8()) {
    case 1:
      return { kind: 'password', password: reader.text() };
    case 2:
      return { kind: 'scramKeys', keys: { clientKey: reader.bytes(), serverKey: reader.bytes() } };
    case 3:
      return { kind: 'md5', verifier: reader.text() };
    default:
      return { kind: 'none' };
  }
}

export function encodeDefine(define: Define): Uint8Array {
  const body = new BodyWriter().u32(define.id).text(define.query).u32(define.parameterTypes.length);
  for (const oid of define.parameterTypes) body.u32(oid);
  return body.done();
}

export function decodeDefine(reader: BodyReader): Define {
  const id = reader.u32();
  const query = reader.text();
  const parameterTypes: number[] = [];
  for (let left = reader.u32(); left > 0; left--) parameterTypes.push(reader.u32());
  return { id, query, parameterTypes };
}

/** What statement `id` answers; opaque to all but poolers. */
export interface ToldResult {
  readonly id: number;
  readonly result: Uint8Array;
}

export function encodeResult({ id, result }: ToldResult): Uint8Array {
  return new BodyWriter().u32(id).bytes(result).done();
}

export function decodeResult(reader: BodyReader): ToldResult {
  return { id: reader.u32(), result: reader.bytes() };
}

/** The trace that the next group of the channel belongs to, or the one that has begun and not ended: 16 and 8 bytes. */
export function encodeTrace({ traceId, spanId }: TraceContext): Uint8Array {
  return unhex(traceId + spanId);
}

export function decodeTrace(reader: BodyReader): TraceContext {
  const digits = hex(reader.rest());
  return { traceId: digits.slice(0, 32), spanId: digits.slice(32) };
}

function unhex(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export function encodeOpened(opened: Opened): Uint8Array {
  const body = new BodyWriter();
  encodePairs(body, opened.parameters);
  return body.done();
}

export function decodeOpened(reader: BodyReader): Opened {
  return { parameters: decodePairs(reader) };
}

export function encodeSettings({ applicationName, text, applied }: CarriedSettings): Uint8Array {
  return new BodyWriter()
    .optionalText(applicationName)
    .text(text)
    .u8(applied ? 1 : 0)
    .done();
}

export function decodeSettings(reader: BodyReader): CarriedSettings {
  return { applicationName: reader.optionalText(), text: reader.text(), applied: reader.u8() === 1 };
}

const fates: readonly Fate[] = ['notApplied', 'applied', 'unknown'];
const severities: readonly Severity[] = ['ERROR', 'FATAL', 'PANIC'];
const textFields = [
  'detail',
  'hint',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'routine',
] as const;

/** A body must fit into a frame, whatever Postgres had to say: 13 texts of at most 3 bytes per unit. */
const messageLengthMax = 4_000;
const fieldLengthMax = 1_000;

/** All of a PgError but its cause; texts that are longer than anybody reads are cut. */
export function encodeError(error: PgError): Uint8Array {
  const report: PgReport = error.report;
  const body = new BodyWriter();
  body
    .u8(fates.indexOf(error.fate))
    .u8(severities.indexOf(report.severity))
    .text(report.sqlstate)
    .text(cut(report.message, messageLengthMax));
  for (const field of textFields) body.optionalText(cut(report[field], fieldLengthMax));
  return body.done();
}

export function decodeError(reader: BodyReader): PgError {
  const fate = fates[reader.u8()] ?? 'unknown';
  const severity = severities[reader.u8()] ?? 'FATAL';
  const init: { -readonly [K in keyof PgErrorInit]: PgErrorInit[K] } = {
    fate,
    severity,
    sqlstate: reader.text(),
    message: reader.text(),
  };
  for (const field of textFields) {
    const value = reader.optionalText();
    if (value !== undefined) init[field] = value;
  }
  return new PgError(init);
}

function cut<T extends string | undefined>(text: T, lengthMax: number): T | string {
  return text === undefined || text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`;
}

function encodePairs(body: BodyWriter, pairs: readonly (readonly [string, string])[]): void {
  body.u32(pairs.length);
  for (const [name, value] of pairs) body.text(name).text(value);
}

function decodePairs(reader: BodyReader): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let left = reader.u32(); left > 0; left--) pairs.push([reader.text(), reader.text()]);
  return pairs;
}
