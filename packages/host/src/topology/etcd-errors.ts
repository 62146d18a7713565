import { status, type ServiceError } from '@grpc/grpc-js';
import { TopologyError, type TopologyErrorCode } from '@multigres/topology';

/** Codes by which etcd refuses a request before it changes anything. */
const refusals: Readonly<Record<number, TopologyErrorCode>> = {
  [status.NOT_FOUND]: 'leaseLost',
  [status.PERMISSION_DENIED]: 'denied',
  [status.UNAUTHENTICATED]: 'denied',
  [status.OUT_OF_RANGE]: 'compacted',
  [status.FAILED_PRECONDITION]: 'other',
  [status.UNIMPLEMENTED]: 'other',
};

/** An error of a call to etcd that had left. Where the code is ambiguous, etcd's text decides: it has no finer codes. */
export function etcdError(error: ServiceError, kind: 'read' | 'change'): TopologyError {
  const lost = kind === 'read' ? 'notApplied' : 'unknown';
  const refusal = refusals[error.code];
  if (refusal !== undefined) return new TopologyError(refusal, error.details, 'notApplied', error);
  if (error.code === status.RESOURCE_EXHAUSTED && error.details.includes('space exceeded')) {
    return new TopologyError('full', error.details, 'notApplied', error);
  }
  // etcd has a limit of its own, and its gRPC server another, a little higher one.
  if (/too large|larger than max/.test(error.details)) {
    return new TopologyError('tooLarge', error.details, 'notApplied', error);
  }
  if (error.code === status.INVALID_ARGUMENT) return new TopologyError('other', error.details, 'notApplied', error);
  if (error.code === status.DEADLINE_EXCEEDED) return new TopologyError('timeout', error.details, lost, error);
  return new TopologyError('unavailable', error.details, lost, error);
}
