import { readdirSync, readFileSync } from 'node:fs';
import { nodeNames, type Cluster, type Tools } from '../cluster/cluster.ts';
import { etcdOf, gatewayOf, orchOf, pgctldOf, poolerOf } from '../cluster/component-specs.ts';
import {
  isComponentAlive,
  readComponent,
  signalProcess,
  startComponent,
  type ComponentSpec,
} from '../cluster/component.ts';
import type { ComponentName } from '../cluster/folder.ts';
import { processIdentity } from '../cluster/process-identity.ts';
import { runningServer } from '../cluster/stop-postgres.ts';

interface LiveProcess {
  readonly pid: number;
  readonly identity: string;
}

/**
 * Signals to the processes of one cluster, by the pids in its own records, never by name; and starts components again. Postgres servers go by their
 * names (`postgres-2`), and are started again by pgctld.
 */
export class Hands {
  readonly #cluster: Cluster;
  readonly #specs: ReadonlyMap<ComponentName, ComponentSpec>;
  /** Whoever is down on purpose; nobody else starts them again meanwhile. */
  readonly #held = new Set<ComponentName>();
  /** Ended by us, and not started again yet: no end of anybody else is expected. */
  readonly #ended = new Set<ComponentName>();
  readonly #frozen = new Map<ComponentName, readonly LiveProcess[]>();

  constructor(cluster: Cluster, tools: Tools) {
    this.#cluster = cluster;
    const { record } = cluster;
    const specs = [
      ...record.etcds.map((etcd) => etcdOf(cluster, etcd, tools)),
      ...record.nodes.flatMap((node) => [pgctldOf(cluster, node, tools), poolerOf(cluster, node)]),
      ...record.orchestrators.map((orch) => orchOf(cluster, orch)),
      ...record.gateways.map((gateway) => gatewayOf(cluster, gateway)),
    ];
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
  }

  /** SIGKILL; components stay down until `release`. */
  kill(names: readonly ComponentName[]): void {
    for (const name of names) {
      if (this.#specs.has(name)) this.#hold(name);
      for (const { pid, identity } of this.#processes(name).slice(0, 1)) signalProcess(pid, identity, 'SIGKILL');
    }
  }

  /** Asks a component to end; it stays down until `release`. */
  terminate(name: ComponentName): void {
    this.#hold(name);
    for (const { pid, identity } of this.#processes(name)) signalProcess(pid, identity, 'SIGTERM');
  }

  /** SIGSTOP, of a Postgres with all its children. */
  freeze(names: readonly ComponentName[]): void {
    for (const name of names) {
      const processes = this.#processes(name);
      this.#frozen.set(name, processes);
      for (const { pid, identity } of processes) signalProcess(pid, identity, 'SIGSTOP');
    }
  }

  thaw(names: readonly ComponentName[]): void {
    for (const name of names) {
      for (const { pid, identity } of this.#frozen.get(name) ?? []) signalProcess(pid, identity, 'SIGCONT');
      this.#frozen.delete(name);
    }
  }

  /** Who was held down may be started again. */
  release(names: readonly ComponentName[]): void {
    for (const name of names) this.#held.delete(name);
  }

  /** Starts a component with other variables of environment than usual. */
  async startWith(name: ComponentName, environment: Readonly<Record<string, string>>): Promise<void> {
    const spec = this.#specs.get(name);
    if (spec !== undefined) await startComponent(this.#cluster.folder, { ...spec, environment });
    this.#held.delete(name);
    this.#ended.delete(name);
  }

  isAlive(name: ComponentName): boolean {
    return isComponentAlive(readComponent(this.#cluster.folder, name));
  }

  /** Starts all components that are down and not held, as an init system would. Answers the names of those that we did not end. */
  async startMissing(): Promise<readonly ComponentName[]> {
    const missing = [...this.#specs.keys()].filter((name) => !this.#held.has(name) && !this.isAlive(name));
    for (const name of missing) await startComponent(this.#cluster.folder, this.#specs.get(name) as ComponentSpec);
    return missing.filter((name) => !this.#ended.delete(name));
  }

  #hold(name: ComponentName): void {
    this.#held.add(name);
    this.#ended.add(name);
  }

  /** Undoes whatever still holds. */
  healAll(): void {
    this.thaw([...this.#frozen.keys()]);
    this.#held.clear();
  }

  /** A component's process; of a Postgres the postmaster, then its children. */
  #processes(name: ComponentName): readonly LiveProcess[] {
    const node = this.#cluster.record.nodes.find((each) => nodeNames(each).postgres === name);
    if (node === undefined) {
      const component = readComponent(this.#cluster.folder, name);
      return isComponentAlive(component) ? [component] : [];
    }
    const server = runningServer(this.#cluster, node);
    return server === undefined ? [] : [server, ...childrenOf(server.pid)];
  }
}

/** From /proc (proc(5)); nobody where there is none. */
function childrenOf(parent: number): readonly LiveProcess[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
      .flatMap((name) => {
        const identity = processIdentity(Number(name));
        return identity === undefined ? [] : [{ pid: Number(name), identity }];
      });
  } catch {
    return [];
  }
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
