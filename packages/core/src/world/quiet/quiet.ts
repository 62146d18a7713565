import type { LoggedLine } from '../contract/contract-test.ts';
import type { Endpoint } from '../network.ts';
import type { Span } from '../tracing.ts';
import type { World } from '../world.ts';
import { FileTree } from './file-tree.ts';
import { Kernel } from './kernel.ts';
import { QuietClock } from './quiet-clock.ts';
import { QuietDisk } from './quiet-disk.ts';
import { QuietNetwork, Wires } from './quiet-network.ts';
import { QuietProcesses, type QuietProgram } from './quiet-processes.ts';
import { QuietRandom } from './quiet-random.ts';
import { QuietTelemetry } from './quiet-telemetry.ts';

export type { QuietProcess, QuietProgram } from './quiet-processes.ts';

/**
 * A world for unit tests in which nothing fails and nothing happens by itself: time and input move only while one of `settle`, `advance`
 * and `until` is awaited, the same way each time. The disk and `listen` answer at once; `connect`, data, timers and programs wait to be moved.
 * What a callback throws rejects the call that moved the world. Promises that wait for something outside it are not waited for.
 */
export interface QuietWorld extends World {
  /** Runs everything that can happen now, without time passing. */
  settle(): Promise<void>;
  /** Lets `ms` pass: every timer on the way fires at its own time. */
  advance(ms: number): Promise<void>;
  /** Lets as much time pass as `promise` needs, at most `limitMs` (default an hour); fails if it can never settle. */
  until<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  /** Another machine in the same time and on the same network, with a disk, processes, dice and a log of its own. */
  node(name: string): QuietWorld;
  /** Makes commands that start `program` call `behaviour`. */
  program(program: string, behaviour: QuietProgram): void;
  /** Nobody will answer connects to this endpoint: they time out. */
  silence(endpoint: Endpoint): void;
  /** Spans taken on this node; `isOn` and `ratio` are the test's to set. */
  readonly traced: { isOn: boolean; ratio: number; readonly spans: readonly Span[] };
  /** What was logged on this node. */
  readonly lines: readonly LoggedLine[];
  /** What `probe.sometimes` has seen on this node. */
  readonly reached: ReadonlySet<string>;
}

/**
 * ```ts
 * const world = quietWorld();
 * const server = await world.network.listen({ kind: 'tcp', host: 'db', port: 5432 }, serve);
 * const client = await world.until(world.network.connect(server.endpoint, { timeoutMs: 1000 }));
 * ```
 */
export function quietWorld(options: { readonly seed?: string | number } = {}): QuietWorld {
  return quietNode('quiet', { kernel: new Kernel(), wires: new Wires(), seed: String(options.seed ?? 0) });
}

interface Common {
  readonly kernel: Kernel;
  readonly wires: Wires;
  readonly seed: string;
}

function quietNode(name: string, common: Common): QuietWorld {
  const { kernel, wires, seed } = common;
  const files = new FileTree();
  const network = new QuietNetwork(kernel, wires, name, files);
  const processes = new QuietProcesses(kernel, files);
  const telemetry = new QuietTelemetry();
  return {
    clock: new QuietClock(kernel),
    network,
    disk: new QuietDisk(files),
    processes,
    random: new QuietRandom(`${seed}/${name}`),
    telemetry,
    traced: telemetry.tracing,
    lines: telemetry.lines,
    reached: telemetry.reached,
    settle: () => kernel.settle(),
    advance: (ms) => kernel.advance(ms),
    until: (promise, limitMs = 3_600_000) => kernel.until(promise, limitMs),
    node: (other) => quietNode(other, common),
    program: (program, behaviour) => processes.register(program, behaviour),
    silence: (endpoint) => network.silence(endpoint),
  };
}
