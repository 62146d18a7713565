import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEndpoint, pipe, type Endpoint } from '@multigres/core';
import type { PoolerTarget } from '@multigres/gateway';
import type { MetricsPeer } from '@multigres/host';
import { startPooler } from '@multigres/pooler';
import type { ConfigFile } from './config-file/config-file.ts';
import { logArguments } from './log-options.ts';
import { configArguments, type SettingFlags } from './settings.ts';
import { poolerArguments, poolerConfig } from './pooler-options.ts';
import type { Serving } from './serving.ts';
import { SupervisedChild } from './supervised-child.ts';
import { postgresTlsArguments, type Certificates } from './tls-options.ts';

/** The pooler of a proxy, as its gateways see it. */
export interface PoolerSide {
  readonly target: PoolerTarget;
  /** Where other processes find its relay; undefined if it is in this one. */
  readonly relay: Endpoint | undefined;
  /** The processes beside this one that have metrics. */
  readonly peers: readonly MetricsPeer[];
  /** Resolves, with how, if it could not even start. */
  readonly failed: Promise<string>;
  /** New settings, which were checked: to be put into force, like those of the gateway, by a call that cannot fail. */
  prepare(settings: ConfigFile): () => void;
  stop(): Promise<void>;
}

export async function poolerInProcess(
  { world, settings }: Serving,
  postgres: Endpoint,
  certificates: Certificates,
): Promise<PoolerSide> {
  const configOf = (from: ConfigFile): ReturnType<typeof poolerConfig> =>
    poolerConfig('local/pooler', undefined, postgres, from);
  const tls = await certificates.forPostgres(settings);
  const pooler = await startPooler(world, { ...configOf(settings), ...tls });
  return {
    target: async () => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    },
    relay: undefined,
    peers: [],
    failed: new Promise(() => {}),
    prepare: (from) => {
      const config = configOf(from);
      return () => pooler.adjust(config);
    },
    stop: () => pooler.stop(),
  };
}

/** A process of its own, and a Unix socket between, in a folder that only we can enter. It is started again when it dies. */
export function poolerInChild({ world, settings }: Serving, postgres: Endpoint, flags: SettingFlags): PoolerSide {
  const folder = mkdtempSync(join(tmpdir(), 'multigres-proxy-'));
  const relay: Endpoint = { kind: 'unix', path: join(folder, 'relay') };
  const metrics: Endpoint = { kind: 'unix', path: join(folder, 'metrics') };
  const served = settings.telemetry.metrics !== undefined;
  const child = new SupervisedChild(world, 'pooler', [
    ...['pooler', '--id', 'pooler', '--relay', relay.path, '--postgres', formatEndpoint(postgres)],
    ...(served ? ['--metrics', metrics.path] : []),
    ...[...configArguments(flags), ...poolerArguments(flags), ...postgresTlsArguments(flags), ...logArguments(flags)],
  ]);
  return {
    target: () => world.network.connect(relay, { timeoutMs: 5_000 }),
    relay,
    peers: served ? [{ process: 'pooler', endpoint: metrics }] : [],
    failed: child.failed,
    prepare: () => () => child.tell('reload'),
    stop: async () => {
      await child.end('stop');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
