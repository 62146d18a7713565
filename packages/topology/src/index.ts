export { CellsView, type CellsViewOptions } from './cells-view.ts';
export { identified } from './cluster-identity.ts';
export { Directory, RecordTable, type Versioned } from './directory.ts';
export { keyOf, segment } from './keys.ts';
export { MemoryStoreServer } from './memory-store-server.ts';
export { MemoryTopology } from './memory-topology.ts';
export { shardName } from './record-kind.ts';
export { RecordView, type RecordViewWorld } from './record-view.ts';
export { RenewedLease, type RenewedLeaseOptions } from './renewed-lease.ts';
export { Registration, type RegistrationOptions } from './registration.ts';
export {
  noRevision,
  TopologyError,
  type CallOptions,
  type CellPlace,
  type Change,
  type DeleteOptions,
  type Entry,
  type Lease,
  type Listing,
  type PutOptions,
  type Revision,
  type Store,
  type Topology,
  type TopologyErrorCode,
  type Watch,
  type WatchListener,
} from './store.ts';
export {
  closedError,
  compacted,
  foreignCluster,
  leaseLost,
  refused,
  timedOut,
  unknownCell,
  versionMismatch,
} from './errors.ts';
