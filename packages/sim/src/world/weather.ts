import { utf8, type World } from '@multigres/core';
import { Kernel, eventKind, type KernelOptions } from '../kernel/kernel.ts';
import { newLife, type Life } from '../kernel/life.ts';
import { SimClock, drawClockFault, type ClockFault } from './clock.ts';
import { SimDisk } from './disk.ts';
import { drawNetworkWeather, type NetworkWeather } from './link.ts';
import { SimNetwork } from './network.ts';
import { SimProcesses, type Program } from './processes.ts';
import { Moments, simTelemetry } from './telemetry.ts';

/** One computer: disk, clock, processes; its network card is known by its name. */
export interface Machine {
  readonly name: string;
  readonly disk: SimDisk;
  readonly clock: ClockFault;
  readonly processes: SimProcesses;
}

/** What runs on a node: the same start function as in production, closed over its configuration. */
export type Role = (world: World) => Promise<void>;

/** One process of the cluster that is started anew (on the same machine's disk) when it was killed. */
export interface SimNode {
  readonly name: string;
  readonly machine: Machine;
  readonly life: Life | undefined;
  readonly isUp: boolean;
  /** Starts the role; does nothing if it runs. */
  start(): void;
  /** `kill -9`: the system closes its sockets. */
  kill(): void;
  /** With its machine: the system closes nothing. */
  lostPower(): void;
  pause(forMs: number): void;
}

export interface WeatherOptions extends KernelOptions {
  /** Default: drawn from the seed. */
  readonly network?: NetworkWeather;
  /** Wild clocks drift by up to 1 % and are minutes apart. */
  readonly wildClocks?: boolean;
  /** More bytes than this waiting in one connection fail the run; default 32 MiB. */
  readonly backlogBytesMax?: number;
}

/** What a god may do to an etcd. */
export interface StoreControls {
  leasesLateMs: number;
  /** The member on this node answers reads by what it knows now; false if it is none of ours. */
  freezeNode(node: string, yes: boolean): boolean;
  cancelWatches(): void;
  compact(): void;
}

/** The simulated world: machines, nodes, and what a god may do to them. */
export class Weather {
  readonly kernel: Kernel;
  readonly network: SimNetwork;
  readonly moments: Moments;
  readonly machines: Map<string, Machine> = new Map();
  readonly nodes: Map<string, SimNode> = new Map();
  readonly programs: Map<string, Program> = new Map();
  /** Machines that faults name by what they are now: `leader`. Undefined while nobody is. */
  readonly aliases: Map<string, () => string | undefined> = new Map();
  /** Who carries out what operators wish. */
  readonly asked: ((wish: string, machine: string) => void)[] = [];
  /** The etcd clusters, by name. */
  readonly stores: Map<string, StoreControls> = new Map();
  /** By node: ends the nth process that serves a connection there, `politely` by telling its client why. */
  /** Operators of pools, by the pooler's node. */
  readonly operators: Map<string, { pause(): () => void; resume(): void; reconnect(): void }> = new Map();
  readonly backendEnds: Map<string, (nth: number, politely: boolean) => void> = new Map();
  /** By node: it leaves in peace, at the latest after `deadlineMs`, and comes back `awayMs` after it has gone. */
  readonly drains: Map<string, (deadlineMs: number, awayMs: number) => void> = new Map();
  readonly #wildClocks: boolean;
  /** Every life there was, by number; 0 is god. */
  readonly lifeNames: string[] = ['god'];

  constructor(options: WeatherOptions) {
    this.kernel = new Kernel(options);
    const random = this.kernel.random.fork('weather');
    this.network = new SimNetwork(
      this.kernel,
      options.network ?? drawNetworkWeather(random.fork('network')),
      options.backlogBytesMax ?? 32 * 1024 * 1024,
      (machine, path) => this.machine(machine).disk.hasDirectory(path.slice(0, Math.max(1, path.lastIndexOf('/')))),
    );
    this.moments = new Moments(this.kernel);
    this.#wildClocks = options.wildClocks === true;
  }

  machine(name: string): Machine {
    let machine = this.machines.get(name);
    if (machine === undefined) {
      machine = this.#makeMachine(name);
      this.machines.set(name, machine);
      this.network.machines.set(name, true);
    }
    return machine;
  }

  /** A new node, not yet started, on a machine of its own name unless another is given. */
  node(name: string, role: Role, machineName: string = name): SimNode {
    const node = new NodeOfWeather(this, name, this.machine(machineName), role);
    this.nodes.set(name, node);
    return node;
  }

  /** A life on a machine without a node around it: clients, tools of the story. */
  life(name: string): Life {
    this.lifeNames.push(name);
    return newLife(this.lifeNames.length - 1, name);
  }

  /** All that a process may touch, good for this life only. */
  world(life: Life, machine: Machine): World {
    return {
      clock: new SimClock(this.kernel, life, machine.clock),
      network: this.network.forProcess(life, machine.name),
      disk: machine.disk.forProcess(life),
      processes: machine.processes.forProcess(life),
      random: this.kernel.random.fork(`life/${life.name}#${life.node}`),
      telemetry: simTelemetry(this.kernel, this.moments, life),
    };
  }

  /** Ends a life: its timers, messages and I/O never happen. */
  end(life: Life, how: 'killed' | 'powerLoss'): void {
    life.alive = false;
    life.parked.length = 0;
    this.network.releaseAll(life, how);
  }

  /** Everything on the machine dies at once; what was not synced survives or not. */
  powerOff(machineName: string): void {
    const machine = this.machine(machineName);
    this.network.machines.set(machineName, false);
    for (const node of this.nodes.values()) if (node.machine === machine) node.lostPower();
    machine.processes.killAll();
    machine.disk.losePower();
  }

  /** Every process on the machine is killed; the system lives on, and so does what it was told to write. */
  killMachine(machineName: string): void {
    const machine = this.machine(machineName);
    for (const node of this.nodes.values()) if (node.machine === machine) node.kill();
    machine.processes.killAll();
  }

  /** Everything on the machine stands still. */
  pauseMachine(machineName: string, forMs: number): void {
    const machine = this.machine(machineName);
    for (const node of this.nodes.values()) if (node.machine === machine) node.pause(forMs);
    for (const life of machine.processes.lives) this.kernel.pause(life, this.kernel.nowUs + forMs * 1000);
  }

  /** A machine or node by its name, or by what it is now; undefined if nobody is that. */
  resolve(name: string): string | undefined {
    const [role, machine] = name.includes('@') ? (name.split('@', 2) as [string, string]) : [undefined, name];
    const alias = this.aliases.get(machine);
    if (alias === undefined) return name;
    const found = alias();
    return found === undefined || role === undefined ? found : `${role}@${found}`;
  }

  powerOn(machineName: string): void {
    this.network.machines.set(machineName, true);
    for (const node of this.nodes.values()) if (node.machine.name === machineName) node.start();
  }

  hasPower(machineName: string): boolean {
    return this.network.machines.get(machineName) === true;
  }

  #makeMachine(name: string): Machine {
    const clock = drawClockFault(this.kernel.random.fork(`clock/${name}`), this.#wildClocks);
    const disk = new SimDisk(this.kernel, name, {
      system: (path) => {
        const [, pid] = /^\/proc\/(\d+)\/cmdline$/.exec(path) ?? [];
        const line = pid === undefined ? undefined : machine.processes?.commandLine(Number(pid));
        return line === undefined ? undefined : utf8(line);
      },
      deed: (deed, path, when) => {
        const moment = momentOfDeed(deed, path, when);
        if (moment !== undefined) this.moments.mark(moment, name);
      },
    });
    const machine: { processes?: SimProcesses } = {};
    const processes = new SimProcesses({
      kernel: this.kernel,
      machine: name,
      programs: this.programs,
      newLife: (lifeName) => this.life(lifeName),
      disk: (life) => disk.forProcess(life),
      ended: (life) => this.end(life, this.hasPower(name) ? 'killed' : 'powerLoss'),
    });
    return Object.assign(machine, { name, disk, clock, processes });
  }
}

/** Deeds on disks that faults may wait for. */
function momentOfDeed(deed: string, path: string, when: 'begins' | 'done'): string | undefined {
  if (!path.includes('/member')) return undefined;
  if (deed === 'sync' && when === 'begins') return 'promise/written';
  if (deed === 'syncDirectory' && when === 'done') return 'promise/durable';
  return undefined;
}

export class NodeOfWeather implements SimNode {
  readonly name: string;
  readonly machine: Machine;
  readonly #weather: Weather;
  readonly #role: Role;
  #life: Life | undefined;

  constructor(weather: Weather, name: string, machine: Machine, role: Role) {
    this.#weather = weather;
    this.name = name;
    this.machine = machine;
    this.#role = role;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  get isUp(): boolean {
    return this.#life?.alive === true;
  }

  start(): void {
    if (this.isUp || !this.#weather.hasPower(this.machine.name)) return;
    const { kernel } = this.#weather;
    const life = this.#weather.life(this.name);
    this.#life = life;
    const world = this.#weather.world(life, this.machine);
    kernel.in(0, eventKind.process, life, () => {
      kernel.trace.line(kernel.nowUs, life.node, () => `${this.name} starts`);
      this.#role(world).catch((error: unknown) => {
        kernel.fail('crash', `${this.name} could not start: ${String(error)}`, error);
      });
    });
  }

  kill(): void {
    this.#over('killed');
  }

  lostPower(): void {
    this.#over('powerLoss');
  }

  pause(forMs: number): void {
    const { kernel } = this.#weather;
    if (this.#life?.alive) kernel.pause(this.#life, kernel.nowUs + forMs * 1000);
  }

  #over(how: 'killed' | 'powerLoss'): void {
    const life = this.#life;
    if (!life?.alive) return;
    const { kernel } = this.#weather;
    kernel.trace.line(
      kernel.nowUs,
      life.node,
      () => `${this.name} is ${how === 'killed' ? 'killed' : 'without power'}`,
    );
    this.#weather.end(life, how);
  }
}
