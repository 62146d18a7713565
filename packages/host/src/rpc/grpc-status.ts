import { Metadata, status as grpcStatus, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import type { PgError } from '@multigres/core';
import { connectionLost, errorOfStatus, methodPath, statusOfError } from '@multigres/rpc';

const detailsKey = 'grpc-status-details-bin';

/** What grpc-js answers of its own accord when a stream ends without a status, depending on how the connection went. */
const tornCodes: ReadonlySet<number> = new Set([grpcStatus.UNAVAILABLE, grpcStatus.CANCELLED, grpcStatus.INTERNAL]);

/** An error of a handler as grpc-js sends it. */
export function grpcStatusOf(error: unknown): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const { code, message, details } = statusOfError(error);
  const metadata = new Metadata();
  if (details !== undefined)
    metadata.set(detailsKey, Buffer.from(details.buffer, details.byteOffset, details.byteLength));
  const name = grpcStatus[code] as keyof typeof grpcStatus | undefined;
  return { code: name === undefined ? grpcStatus.UNKNOWN : grpcStatus[name], details: message, metadata };
}

/** An error of grpc-js as our callers see it. */
export function pgErrorOf(method: DescMethod, error: ServiceError): PgError {
  const details = error.metadata?.get(detailsKey)[0];
  const known = details instanceof Uint8Array ? details : undefined;
  // Our servers always say more. We did not cancel it either (that is answered before it comes here): the connection has ended.
  if (known === undefined && tornCodes.has(error.code)) return connectionLost(method, methodPath(method), error);
  return errorOfStatus(method, { code: error.code, message: error.details, details: known }, error);
}
