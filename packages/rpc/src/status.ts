import { create, fromBinary, toBinary, type DescMethod } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { PgError, sqlstate, type Fate, type PgErrorInit, type PgReport } from '@multigres/core';
import { connectionLost, deadlineExceeded, fateWhenLost, internal, relayed } from './errors.ts';
import {
  ErrorReportSchema,
  Fate as WireFate,
  StatusSchema,
  type ErrorReport,
} from './gen/multigres/rpc/v1/status_pb.ts';
import { methodPath } from './service.ts';

/** gRPC's status codes (gRPC documentation, "Status codes and their use in gRPC"). */
export const rpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type RpcCode = (typeof rpcCode)[keyof typeof rpcCode];

/** How a call failed, as it travels. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** An encoded `multigres.rpc.v1.Status`, for the trailer `grpc-status-details-bin`; undefined if another implementation answered. */
  readonly details: Uint8Array | undefined;
}

/** Exact SQLSTATEs first, then their classes (the first two characters). */
const codeOfSqlstate: Readonly<Record<string, RpcCode>> = {
  [sqlstate.queryCanceled]: rpcCode.cancelled,
  [sqlstate.protocolViolation]: rpcCode.invalidArgument,
  [sqlstate.insufficientPrivilege]: rpcCode.permissionDenied,
  [sqlstate.undefinedObject]: rpcCode.notFound,
  [sqlstate.invalidCatalogName]: rpcCode.notFound,
  '42710': rpcCode.alreadyExists,
  '08': rpcCode.unavailable,
  '0A': rpcCode.unimplemented,
  '22': rpcCode.invalidArgument,
  '25': rpcCode.failedPrecondition,
  '28': rpcCode.unauthenticated,
  '40': rpcCode.aborted,
  '42': rpcCode.invalidArgument,
  '53': rpcCode.resourceExhausted,
  '54': rpcCode.resourceExhausted,
  '55': rpcCode.failedPrecondition,
  '57': rpcCode.unavailable,
  '58': rpcCode.internal,
};

/** What a call answers that failed with this error. Anything but a PgError becomes XX000 with fate `unknown`. */
export function statusOfError(error: unknown): RpcStatus {
  const failure = error instanceof PgError ? error : internal(error);
  const code = codeOfSqlstate[failure.sqlstate] ?? codeOfSqlstate[failure.sqlstate.slice(0, 2)] ?? rpcCode.internal;
  const report = shortened(reportOf(failure));
  // For tools that cannot read the details, as a header of its own.
  const message = report.message.slice(0, 300);
  const status = create(StatusSchema, { code, message, details: [anyPack(ErrorReportSchema, report)] });
  return { code, message, details: toBinary(StatusSchema, status) };
}

/** The error that a caller sees. Without details (another implementation, or the transport itself answered) the code decides. */
export function errorOfStatus(method: DescMethod, status: RpcStatus, cause?: unknown): PgError {
  const init = status.details === undefined ? undefined : unpackReport(status.details);
  if (init !== undefined) return relayed(init, cause);
  const path = methodPath(method);
  if (status.code === rpcCode.deadlineExceeded) return deadlineExceeded(method, path, true, cause);
  if (status.code === rpcCode.unavailable) return connectionLost(method, path, cause ?? status.message);
  const [state, refused] = stateOfCode[status.code] ?? [sqlstate.internalError, false];
  const message = status.message === '' ? `${path} failed with gRPC status ${status.code}` : status.message;
  return relayed({ sqlstate: state, message, fate: refused ? 'notApplied' : fateWhenLost(method) }, cause);
}

/** SQLSTATE for a bare code, and whether the code says that the work was refused before it began. */
const stateOfCode: Readonly<Record<number, readonly [sqlstate: string, refused: boolean]>> = {
  [rpcCode.cancelled]: [sqlstate.queryCanceled, false],
  [rpcCode.invalidArgument]: [sqlstate.invalidParameterValue, true],
  [rpcCode.notFound]: [sqlstate.undefinedObject, true],
  [rpcCode.alreadyExists]: ['42710', true],
  [rpcCode.permissionDenied]: [sqlstate.insufficientPrivilege, true],
  [rpcCode.resourceExhausted]: [sqlstate.insufficientResources, false],
  [rpcCode.failedPrecondition]: [sqlstate.objectNotInPrerequisiteState, true],
  [rpcCode.aborted]: [sqlstate.serializationFailure, false],
  [rpcCode.outOfRange]: [sqlstate.invalidParameterValue, true],
  [rpcCode.unimplemented]: [sqlstate.featureNotSupported, true],
  [rpcCode.unauthenticated]: [sqlstate.invalidAuthorizationSpecification, true],
};

const wireFate: Readonly<Record<Fate, WireFate>> = {
  notApplied: WireFate.NOT_APPLIED,
  applied: WireFate.APPLIED,
  unknown: WireFate.UNKNOWN,
};

function reportOf(error: PgError): ErrorReport {
  return create(ErrorReportSchema, { ...error.report, fate: wireFate[error.fate] });
}

/** HTTP/2 stacks refuse long headers (many at 8 KiB in sum), so what is longer than this in sum loses the ends of its longest texts. */
const reportBytesMax = 5000;
const longTexts = ['where', 'detail', 'hint', 'message'] as const;

function shortened(report: ErrorReport): ErrorReport {
  for (const field of longTexts) {
    const excess = toBinary(ErrorReportSchema, report).length - reportBytesMax;
    if (excess <= 0) return report;
    const text = report[field] ?? '';
    // A character has at most 3 bytes per UTF-16 unit, so what remains fits whatever it is made of.
    if (text.length > 300) report[field] = `${text.slice(0, Math.max(300, text.length - excess - 3))}...`;
  }
  return report;
}

function unpackReport(details: Uint8Array): PgErrorInit | undefined {
  try {
    for (const detail of fromBinary(StatusSchema, details).details) {
      const report = anyUnpack(detail, ErrorReportSchema);
      if (report !== undefined) return initOf(report);
    }
  } catch {
    // Bytes of somebody else's making: the code still says enough.
  }
  return undefined;
}

function initOf(report: ErrorReport): PgErrorInit {
  const { $typeName: _type, $unknown: _unknown, fate, severity, ...fields } = report;
  return {
    ...(fields as Omit<PgReport, 'severity'>),
    severity: (['ERROR', 'FATAL', 'PANIC'] as const).find((known) => known === severity) ?? 'ERROR',
    fate: (['notApplied', 'applied'] as const).find((known) => wireFate[known] === fate) ?? 'unknown',
  };
}
