/** `ready` takes connections, as a primary or as a hot standby; `standby` takes none (until we have looked closer: observe.ts). */
export type PostmasterPhase = 'starting' | 'ready' | 'standby' | 'stopping';

/** What the server writes about itself into postmaster.pid (PostgreSQL source, `pidfile.h`); a line appears when it is known. */
export interface PostmasterPid {
  readonly pid: number;
  readonly dataDirectory: string;
  /** Unix time in seconds. */
  readonly startedAtS: number;
  readonly port: number | undefined;
  readonly socketDirectory: string | undefined;
  readonly listenAddress: string | undefined;
  /** undefined until it is there, and where Postgres uses none of System V. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly phase: PostmasterPhase;
}

/** The segment that all processes of one server have mapped. */
export interface SharedMemory {
  readonly key: number;
  readonly id: number;
}

const phases: Readonly<Record<string, PostmasterPhase>> = {
  starting: 'starting',
  ready: 'ready',
  standby: 'standby',
  stopping: 'stopping',
};

/** undefined while the file is empty or half written. A single-user server writes a negative pid: that is one, too. */
export function parsePostmasterPid(text: string): PostmasterPid | undefined {
  const lines = text.split('\n');
  const pid = Math.abs(Number(lines[0]));
  const startedAtS = Number(lines[2]);
  if (!Number.isSafeInteger(pid) || pid === 0 || lines[1] === undefined || !Number.isSafeInteger(startedAtS)) {
    return undefined;
  }
  const port = Number(lines[3]);
  return {
    pid,
    dataDirectory: lines[1],
    startedAtS,
    port: Number.isSafeInteger(port) && port > 0 ? port : undefined,
    socketDirectory: lines[4] === '' ? undefined : lines[4],
    listenAddress: lines[5] === '' ? undefined : lines[5],
    sharedMemory: sharedMemoryIn(lines[6]),
    phase: phases[(lines[7] ?? '').trim()] ?? 'starting',
  };
}

function sharedMemoryIn(line: string | undefined): SharedMemory | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(line ?? '');
  return match ? { key: Number(match[1]), id: Number(match[2]) } : undefined;
}

/**
 * The same file naming a process that does not exist. For a pid that now belongs to another program: Postgres would refuse to start,
 * because it only looks whether the pid is alive. The other lines stay, so that its check for backends that survived their postmaster
 * (by the shared memory's key) works as ever; deleting the file would switch that off.
 */
export function withDeadPid(text: string, deadPid: number): string {
  const end = text.indexOf('\n');
  return `${deadPid}${end === -1 ? '\n' : text.slice(end)}`;
}
