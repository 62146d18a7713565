import { TopologyError } from './store.ts';

/** Nobody listens there: nothing was asked. */
export function refused(cause?: unknown): TopologyError {
  return new TopologyError('unavailable', 'the store cannot be reached', 'notApplied', cause);
}

/** No answer in time: a change may have happened. */
export function timedOut(kind: 'read' | 'change'): TopologyError {
  const fate = kind === 'read' ? 'notApplied' : 'unknown';
  return new TopologyError('timeout', 'the store did not answer before the deadline', fate);
}

export function closedError(): TopologyError {
  return new TopologyError('closed', 'the store is closed', 'notApplied');
}

export function versionMismatch(key: string): TopologyError {
  return new TopologyError('versionMismatch', `${key} was changed by somebody else`, 'notApplied');
}

export function leaseLost(id: string): TopologyError {
  return new TopologyError('leaseLost', `lease ${id} has ended`, 'notApplied');
}

export function compacted(after: bigint): TopologyError {
  return new TopologyError('compacted', `the history after revision ${after} is gone`, 'notApplied');
}

export function unknownCell(name: string): TopologyError {
  return new TopologyError('notFound', `cell "${name}" is not configured`, 'notApplied');
}

/** Two clusters with one root would take each other's components for their own. */
export function foreignCluster(owner: string, own: string): TopologyError {
  const message = `this topology belongs to cluster ${owner}, not to cluster ${own}: give each cluster an etcd, or a root in it, of its own`;
  return new TopologyError('foreign', message, 'notApplied');
}

/** Passes our own errors on; anything else is a bug and stays what it is. */
export function callEnded(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The bytes under this key are no record of the kind that belongs there. */
export function malformedRecord(key: string, cause: unknown): TopologyError {
  return new TopologyError('other', `the record ${key} cannot be read`, 'notApplied', cause);
}
