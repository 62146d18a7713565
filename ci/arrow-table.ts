/** Where in the picture of docs/architecture.md a package stands. */
export type Layer = 'ground' | 'knowledge' | 'role' | 'world' | 'edge';

export interface Place {
  readonly layer: Layer;
  /** Packages of ours that it may import. All that is not named here is refused. */
  readonly packages: readonly string[];
  /** Libraries that it may import: none with I/O outside `host` and the edges. */
  readonly libraries: readonly string[];
  /** Files (below src) that may import `node:*`. */
  readonly node: 'nowhere' | 'everywhere' | readonly RegExp[];
}

const knowledge = ['core', 'pgwire', 'sql', 'relay', 'rpc', 'topology', 'consensus'];
const roles = ['gateway', 'pooler', 'pgctld', 'orch'];

/** The picture, as a table. To add an arrow, change it here and in docs/architecture.md in one commit, and say why. */
export const places: Readonly<Record<string, Place>> = {
  core: { layer: 'ground', packages: [], libraries: [], node: 'nowhere' },

  pgwire: { layer: 'knowledge', packages: ['core'], libraries: ['@noble/hashes'], node: 'nowhere' },
  sql: { layer: 'knowledge', packages: ['core'], libraries: ['libpg-query'], node: 'nowhere' },
  relay: { layer: 'knowledge', packages: ['core'], libraries: [], node: 'nowhere' },
  rpc: { layer: 'knowledge', packages: ['core'], libraries: ['@bufbuild/protobuf'], node: 'nowhere' },
  topology: { layer: 'knowledge', packages: ['core', 'rpc'], libraries: ['@bufbuild/protobuf'], node: 'nowhere' },

  consensus: { layer: 'knowledge', packages: ['core', 'rpc'], libraries: ['@bufbuild/protobuf'], node: 'nowhere' },

  // Judges of what clients were told, for sim and chaos. No role may know them: a judge must not share a mistake with what it judges.
  history: { layer: 'knowledge', packages: [], libraries: [], node: 'nowhere' },

  gateway: { layer: 'role', packages: knowledge, libraries: ['@bufbuild/protobuf'], node: 'nowhere' },
  pooler: { layer: 'role', packages: knowledge, libraries: ['@bufbuild/protobuf'], node: 'nowhere' },
  pgctld: { layer: 'role', packages: knowledge, libraries: ['@bufbuild/protobuf'], node: 'nowhere' },
  orch: { layer: 'role', packages: knowledge, libraries: ['@bufbuild/protobuf'], node: 'nowhere' },

  host: {
    layer: 'world',
    packages: ['core', 'rpc', 'topology'],
    libraries: ['@bufbuild/protobuf', '@grpc/grpc-js', 'etcd3', 'pino'],
    node: 'everywhere',
  },
  sim: {
    layer: 'world',
    packages: [...knowledge, ...roles, 'history'],
    libraries: ['@bufbuild/protobuf', 'libpg-query', 'seedrandom'],
    // The command, the runner of worker threads, and the drain of promises. The simulated world itself needs nothing.
    node: [/^main\.ts$/, /^explore\//, /^kernel\/drain\.ts$/],
  },

  cli: {
    layer: 'edge',
    packages: [...knowledge, ...roles, 'host', 'history'],
    libraries: ['commander', 'listr2', 'smol-toml', 'zod'],
    node: 'everywhere',
  },
  bench: {
    layer: 'edge',
    packages: ['core', 'pgwire', 'rpc', 'host'],
    libraries: ['commander', 'pg-protocol', 'tinybench'],
    node: 'everywhere',
  },
  fuzz: {
    layer: 'edge',
    packages: ['core', 'pgwire', 'relay', 'gateway', 'pooler', 'host'],
    libraries: ['commander'],
    // Half of it lives in a quiet world and must be replayable; the other half attacks real servers.
    node: [/^main\.ts$/, /^real\//],
  },
};

/** What tests may import besides what their package may. */
export const testLibraries: readonly string[] = ['vitest', 'fast-check', '@fast-check/vitest', 'pg-protocol'];

/** What benchmarks and tests in the real world may import besides. */
export const realTestLibraries: readonly string[] = ['tinybench'];

/** Entry points of packages that exist for tests: contracts, quiet worlds, collecting sinks. */
export const testEntries: ReadonlySet<string> = new Set(['contract', 'quiet', 'testing']);

/** Where to go instead of a module of Node's. */
export const insteadOfNode: Readonly<Record<string, string>> = {
  ...each(
    ['net', 'tls', 'dgram', 'http', 'https', 'http2', 'dns'],
    'sockets come from World.network (core/world/network.ts), the real one lives in host',
  ),
  ...each(['fs'], 'files come from World.disk (core/world/disk.ts), the real one lives in host'),
  ...each(['path', 'url'], 'paths are strings joined with "/" (World.disk takes them), Node lives in host'),
  ...each(
    ['child_process', 'cluster'],
    'programs are run by World.processes (core/world/processes.ts), the real one lives in host',
  ),
  ...each(
    ['crypto'],
    'dice come from World.random (core/world/random.ts), hashes from pgwire/auth, the rest lives in host',
  ),
  ...each(['timers', 'perf_hooks'], 'time comes from World.clock (core/world/clock.ts), the real one lives in host'),
  ...each(['os', 'process'], 'settings are handed in by the entry file (packages/cli), which may read the machine'),
  ...each(['buffer', 'string_decoder', 'util'], 'bytes are Uint8Array: see core/base/bytes.ts'),
  ...each(['worker_threads'], 'one node of a cluster is one thread: only sim/explore starts workers'),
  ...each(['assert'], 'assertions are core/base/assert.ts'),
  ...each(['events', 'stream'], 'use the ports of core/world and core/base/bounded-queue.ts'),
  ...each(['test'], 'tests use vitest'),
};

export const insteadOfOtherNode = 'what needs Node lives in host, behind a port of core/world';

function each(names: readonly string[], text: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, text]));
}
