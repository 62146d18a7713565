import { concat, utf8, utf8Text, type Lsn } from '@multigres/core';

import type { Checkpoint, DataDirectory } from './data-directory.ts';
import { WriteAheadLog } from './log.ts';
import type { LogRecord } from './log-record.ts';
import { decodeRecords, encodeRecords } from './record-codec.ts';
import { formatHistory, newestOf, parseHistory } from './timeline-history.ts';

/** What a copy of a running server takes: its files, and up to where the log must be replayed until they fit together. */
export interface DirectoryCopy {
  readonly systemIdentifier: bigint;
  readonly databases: DataDirectory['databases'];
  readonly roles: DataDirectory['roles'];
  readonly checkpoint: Checkpoint;
  /** The newest timeline that the control file tells of. */
  readonly timeline: number;
  readonly end: Lsn;
  readonly autoConf: ReadonlyMap<string, string>;
  readonly log: WriteAheadLog;
  readonly applied: LogRecord[];
}

interface Header {
  readonly systemIdentifier: string;
  readonly databases: DataDirectory['databases'];
  readonly roles: DataDirectory['roles'];
  readonly checkpoint: {
    readonly lsn: string;
    readonly prev: string;
    readonly timeline: number;
    readonly applied: number;
  };
  readonly timeline: number;
  readonly end: string;
  readonly autoConf: readonly (readonly [string, string])[];
  readonly segmentBytes: string;
  readonly histories: readonly (readonly [number, string])[];
  readonly logs: readonly { readonly timeline: number; readonly begin: string; readonly written: string }[];
}

/** As bytes: each part with its length before it; first the header, then the data files, then the files of each timeline. */
export function encodeDirectory(directory: DataDirectory, end: Lsn, timeline: number): Uint8Array {
  const { log, control } = directory;
  const logs = log.timelines.map((number) => log.logOf(number, (log.find(number)?.begin ?? 0n) as Lsn));
  const { lsn, prev, applied } = control.checkpoint;
  const header: Header = {
    systemIdentifier: String(directory.systemIdentifier),
    databases: directory.databases,
    roles: directory.roles,
    checkpoint: { lsn: String(lsn), prev: String(prev), timeline: control.checkpoint.timeline, applied },
    timeline,
    end: String(end),
    autoConf: [...directory.autoConf],
    segmentBytes: String(log.segmentBytes),
    histories: log.histories.map((history) => [newestOf(history).timeline, formatHistory(history)]),
    logs: logs.map((one) => ({ timeline: one.timeline, begin: String(one.begin), written: String(one.written) })),
  };
  const parts = [
    utf8(JSON.stringify(header)),
    encodeRecords(directory.applied.slice(0, applied)),
    ...logs.map((one) => encodeRecords(one.records)),
  ];
  return concat(parts.flatMap((part) => [lengthOf(part), part]));
}

function lengthOf(part: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, part.length);
  return bytes;
}

export function decodeDirectory(bytes: Uint8Array): DirectoryCopy {
  const [first, second, ...rest] = partsOf(bytes) as [Uint8Array, Uint8Array, ...Uint8Array[]];
  const header = JSON.parse(utf8Text(first)) as Header;
  const log = WriteAheadLog.empty(BigInt(header.segmentBytes));
  for (const [timeline, text] of header.histories) log.keepHistory(parseHistory(timeline, text));
  header.logs.forEach(({ timeline, begin, written }, i) => {
    const files = log.logOf(timeline, BigInt(begin) as Lsn);
    for (const record of decodeRecords(rest[i] as Uint8Array)) files.write(record);
    files.startAt(BigInt(written) as Lsn);
  });
  const { lsn, prev, timeline, applied } = header.checkpoint;
  return {
    systemIdentifier: BigInt(header.systemIdentifier),
    databases: header.databases,
    roles: header.roles,
    checkpoint: { lsn: BigInt(lsn) as Lsn, prev: BigInt(prev) as Lsn, timeline, applied },
    timeline: header.timeline,
    end: BigInt(header.end) as Lsn,
    autoConf: new Map(header.autoConf),
    log,
    applied: decodeRecords(second),
  };
}

function partsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at);
    parts.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}
