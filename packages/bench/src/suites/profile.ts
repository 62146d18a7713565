import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pgbench, type Mode, type Workload } from '../load/pgbench.ts';
import { startOurs } from '../peers/ours.ts';
import type { Transport } from '../peers/peer.ts';
import type { PostgresServer } from '../peers/postgres.ts';
import type { Scratch } from '../scratch.ts';

/** Where one process of ours spent its time. */
export interface RoleProfile {
  readonly role: string;
  readonly workload: Workload;
  readonly file: string;
  /** Without what it waited. */
  readonly busyMs: number;
  /** The dearest functions by their own time, without what they call. */
  readonly functions: readonly FunctionTime[];
}

export interface FunctionTime {
  readonly name: string;
  /** `packages/pooler/src/backend/backend.ts:171`; empty for the engine's own. */
  readonly place: string;
  readonly selfMs: number;
}

/** As V8 writes it (Chrome DevTools Protocol, Profiler.Profile). */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface ProfilePlan {
  /** Where the profiles are kept, for the browser's developer tools. */
  readonly folder: string;
  readonly transport: Transport;
  readonly poolSize: number;
  readonly workload: Workload;
  readonly mode: Mode;
  readonly clients: number;
  readonly seconds: number;
}

const sampleUs = 200;
/** Loading and compiling is not what is looked for. */
const warmupSeconds = 2;
/** The clock that V8 stamps its profiles with. */
const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

/** Runs our proxy in two processes and in one under a load, each under the profiler of V8. */
export async function profiled(
  scratch: Scratch,
  postgres: PostgresServer,
  plan: ProfilePlan,
): Promise<readonly RoleProfile[]> {
  const profiles: RoleProfile[] = [];
  for (const processes of ['two', 'one'] as const) {
    const folder = join(resolve(plan.folder), `${plan.workload}-${processes}`);
    mkdirSync(folder, { recursive: true });
    const before = new Set(readdirSync(folder));
    const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${sampleUs}`];
    const peer = await startOurs(scratch, postgres, { ...plan, processes, nodeArgs });
    const load = { program: postgres, address: peer.address, ...plan };
    await pgbench({ ...load, seconds: warmupSeconds });
    const fromUs = monotonicUs();
    await pgbench(load);
    const window = [fromUs, monotonicUs()] as const;
    await peer.stop();
    for (const name of readdirSync(folder).filter((file) => !before.has(file) && file.endsWith('.cpuprofile'))) {
      const file = join(folder, name);
      const isFirst = name.includes(`.${peer.rootPid}.`);
      const role = processes === 'one' ? 'gateway and pooler in one process' : isFirst ? 'gateway' : 'pooler';
      profiles.push({
        role,
        workload: plan.workload,
        file,
        ...dearest(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, window),
      });
    }
  }
  return profiles;
}

/** Adds up by function the samples that were taken in a time: from, to, in the profile's microseconds. */
export function dearest(
  { nodes, samples, startTime, timeDeltas }: CpuProfile,
  [fromUs, toUs]: readonly [number, number],
): Pick<RoleProfile, 'busyMs' | 'functions'> {
  const selfUs = new Map<number, number>();
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    const deltaUs = timeDeltas[index] ?? 0;
    atUs += deltaUs;
    if (atUs >= fromUs && atUs <= toUs) selfUs.set(id, (selfUs.get(id) ?? 0) + deltaUs);
  }
  const byFunction = new Map<string, FunctionTime>();
  let busyMs = 0;
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame;
    if (functionName === '(idle)' || functionName === '(root)') continue;
    const place = url === '' ? '' : `${shortUrl(url)}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    const selfMs = (selfUs.get(id) ?? 0) / 1000;
    busyMs += selfMs;
    byFunction.set(key, {
      name: functionName === '' ? '(anonymous)' : functionName,
      place,
      selfMs: selfMs + (byFunction.get(key)?.selfMs ?? 0),
    });
  }
  return { busyMs, functions: [...byFunction.values()].toSorted((a, b) => b.selfMs - a.selfMs) };
}

/** From `packages` on, without the machine's own folders. */
const shortUrl = (url: string): string => url.replace(/^file:\/\/.*?\/(?=packages\/|node_modules\/)/, '');
