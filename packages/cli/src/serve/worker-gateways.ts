import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEndpoint, type Endpoint, type World } from '@multigres/core';
import type { MetricsPeer } from '@multigres/host';
import { CliError } from '../errors.ts';
import { SupervisedChild } from './supervised-child.ts';

export interface WorkersSetup {
  readonly count: number;
  /** The command line of the worker with this number, from 1, without where it listens. */
  readonly argumentsOf: (number: number) => readonly string[];
  /** They serve metrics. */
  readonly served: boolean;
  /** What the console of a worker asks for. */
  readonly heard: (word: 'drain' | 'stop') => void;
}

/**
 * Several gateways that listen on one port, each a process of its own; the system deals the connections out among them. One that dies is started
 * again; the sessions of the others do not notice.
 */
export class WorkerGateways {
  readonly listen: Endpoint;
  readonly peers: readonly MetricsPeer[];
  readonly #folder: string;
  readonly #workers: readonly SupervisedChild[];

  constructor(world: World, listen: Endpoint, setup: WorkersSetup) {
    this.listen = fixedPort(listen);
    this.#folder = mkdtempSync(join(tmpdir(), 'multigres-workers-'));
    const numbers = Array.from({ length: setup.count }, (_, i) => i + 1);
    const metricsOf = (number: number): string => join(this.#folder, `metrics-${number}`);
    this.#workers = numbers.map((number) => {
      const own = ['--workers', '1', '--listen', formatEndpoint(this.listen), '--share-port'];
      const metrics = setup.served ? ['--metrics', metricsOf(number)] : [];
      const args = [...setup.argumentsOf(number), ...own, ...metrics];
      return new SupervisedChild(world, `worker ${number}`, args, (word) => {
        if (word !== 'ready') setup.heard(word);
      });
    });
    this.peers = setup.served
      ? numbers.map((number) => ({
          process: `gateway-${number}`,
          endpoint: { kind: 'unix', path: metricsOf(number) },
        }))
      : [];
  }

  get count(): number {
    return this.#workers.length;
  }

  /** Resolves when all serve. */
  get ready(): Promise<unknown> {
    return Promise.all(this.#workers.map(({ ready }) => ready));
  }

  /** Resolves, with how, if one of them could not even start. */
  get failed(): Promise<string> {
    return Promise.race(this.#workers.map(({ failed }) => failed));
  }

  /** Why no clients should be sent here now. */
  whyNotReady(stopping: boolean): string | undefined {
    if (stopping) return 'shutting down';
    return this.#workers.some(({ isReady }) => isReady) ? undefined : 'no worker is running';
  }

  reload(): void {
    for (const worker of this.#workers) worker.tell('reload');
  }

  async end(how: 'drain' | 'stop'): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end(how)));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** All workers have to know the port, and a Unix socket has one owner. */
function fixedPort(endpoint: Endpoint): Endpoint {
  if (endpoint.kind === 'unix')
    throw new CliError(`several workers cannot listen on the Unix socket ${endpoint.path}`, {
      hint: 'Listen on a TCP port, or start one worker.',
    });
  if (endpoint.port === 0)
    throw new CliError('several workers cannot listen on a port that the system picks', { hint: 'Name the port.' });
  return endpoint;
}
