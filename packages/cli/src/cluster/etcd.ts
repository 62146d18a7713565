import path from 'node:path';
import { localHost } from './cluster.ts';
import type { ComponentSpec, Trouble } from './component.ts';
import type { Account } from './unprivileged.ts';

export interface EtcdPlace {
  /** Of its component. */
  readonly name: string;
  readonly program: string;
  readonly version: string;
  readonly dataDirectory: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly runAs: Account | undefined;
}

/** One etcd of its own, reachable from this machine only. */
export function etcdSpec(place: EtcdPlace): ComponentSpec {
  const clientUrl = `http://${localHost}:${place.clientPort}`;
  const peerUrl = `http://${localHost}:${place.peerPort}`;
  const options: readonly [string, string][] = [
    ['name', 'local'],
    ['data-dir', place.dataDirectory],
    ['listen-client-urls', clientUrl],
    ['advertise-client-urls', clientUrl],
    ['listen-peer-urls', peerUrl],
    ['initial-advertise-peer-urls', peerUrl],
    ['initial-cluster', `local=${peerUrl}`],
    ['auto-compaction-mode', 'periodic'],
    ['auto-compaction-retention', '1h'],
    ['log-level', 'warn'],
    // Alone, it beats for nobody: seldom costs less.
    ['heartbeat-interval', '250'],
    ['election-timeout', '1250'],
  ];
  return {
    name: place.name,
    program: path.join(place.program, 'etcd'),
    args: options.map(([name, value]) => `--${name}=${value}`),
    runAs: place.runAs,
    version: place.version,
    endpoint: `${localHost}:${place.clientPort}`,
  };
}

export type EtcdHealth =
  | { readonly kind: 'healthy' }
  /** It answers, but something is wrong. */
  | { readonly kind: 'sick'; readonly reason: string; readonly hint?: string }
  | { readonly kind: 'silent' };

const quotaHint =
  'Free space, then compact and defragment it and run `etcdctl alarm disarm` (etcd documentation, "Maintenance").';

/** Asks etcd itself (its /health also tells of alarms). */
export async function etcdHealth(clientPort: number): Promise<EtcdHealth> {
  try {
    const reply = await fetch(`http://${localHost}:${clientPort}/health`, { signal: AbortSignal.timeout(1_000) });
    const { health, reason } = (await reply.json()) as { readonly health?: string; readonly reason?: string };
    if (health === 'true') return { kind: 'healthy' };
    if (reason?.includes('NOSPACE'))
      return { kind: 'sick', reason: 'etcd is out of space (alarm NOSPACE)', hint: quotaHint };
    return { kind: 'sick', reason: reason === undefined || reason === '' ? 'not healthy' : reason };
  } catch {
    return { kind: 'silent' };
  }
}

interface Known {
  readonly sign: RegExp;
  readonly message: string;
  readonly hint: string;
}

const known: readonly Known[] = [
  {
    sign: /no space left on device/i,
    message: 'etcd cannot write: the disk is full',
    hint: 'Free space on the disk of its data directory (it reserves 128 MB for its log), then try again.',
  },
  {
    sign: /address already in use/i,
    message: 'etcd cannot listen: its port is in use',
    hint: 'Try again: `up` then chooses another one.',
  },
  {
    sign: /permission denied/i,
    message: 'etcd may not use its data directory',
    hint: 'Look at the owner and the permissions of that folder.',
  },
];

/** Its lines are JSON, with a stack trace where it hurts: the level, the message and the error are what people need. */
function readable(line: string): string {
  try {
    const { level, msg, error } = JSON.parse(line) as {
      readonly level?: string;
      readonly msg?: string;
      readonly error?: string;
    };
    return [level, msg, error].filter((part) => part !== undefined).join(': ');
  } catch {
    return line;
  }
}

/** What etcd's log means, and its own words without the stack traces around them. */
export function etcdTrouble(log: readonly string[]): Trouble {
  const said = log.filter((line) => line.startsWith('{') || line.startsWith('panic:')).map((line) => readable(line));
  for (const { sign, message, hint } of known) {
    const line = said.findLast((candidate) => sign.test(candidate));
    if (line !== undefined) return { message, hint, quoted: [line] };
  }
  return { quoted: said.slice(-6) };
}
