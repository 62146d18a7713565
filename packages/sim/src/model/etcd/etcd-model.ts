import { MemoryStoreServer, type Change, type Entry, type Listing, type Revision } from '@multigres/topology';
import { eventKind, type Kernel } from '../../kernel/kernel.ts';
import type { Life } from '../../kernel/life.ts';
import type { RandomStream } from '../../kernel/random-stream.ts';
import type { SimNode, StoreControls, Weather } from '../../world/weather.ts';
import { LeaseClock } from './lease-clock.ts';

/** Who speaks to a member: messages reach it while it lives, over the links of its machine. */
export interface Party {
  readonly life: Life;
  readonly machine: string;
}

/** What reads see. */
export interface EtcdState {
  get(key: string): Entry | undefined;
  list(prefix: string): Listing;
}

/** What becomes of a request: exactly one of these is called, or none, and then the caller's deadline decides. */
export interface Reply {
  readonly answered: (run: () => void) => void;
  /** Nobody listens there. */
  readonly refused: () => void;
}

/** A watch as its member keeps it. */
export interface Feed {
  readonly member: EtcdMember;
  readonly client: Party;
  /** The life of the member that knows of it. */
  readonly life: Life;
  sent: Revision;
  /** Pushes overtake each other as little as bytes of one connection do. */
  lastArrivalUs: number;
  readonly push: (from: Revision, changes: readonly Change[], to: Revision) => void;
  readonly compacted: () => void;
  readonly cancelled: () => void;
}

/** One member: a process on a machine of its own. */
export interface EtcdMember {
  readonly node: SimNode;
  /** Reads are answered by what it knew then, without asking the others: a bug, or an operator's `--consistency=s`. */
  frozen: EtcdState | undefined;
}

/**
 * An etcd cluster: members on machines, one history. A member answers while it reaches a majority; a change is there for all when a majority has it
 * (etcd's documentation, "KV API guarantees"). What was applied survives everything, as etcd flushes before it answers.
 */
export class EtcdModel implements StoreControls {
  readonly name: string;
  readonly members: readonly EtcdMember[];
  readonly core: MemoryStoreServer;
  /** Leases end up to so much later than they might. They never end early. */
  leasesLateMs = 0;
  readonly #weather: Weather;
  readonly #kernel: Kernel;
  readonly #random: RandomStream;
  readonly #feeds = new Set<Feed>();

  constructor(weather: Weather, name: string, machines: readonly string[]) {
    this.name = name;
    this.#weather = weather;
    this.#kernel = weather.kernel;
    this.#random = weather.kernel.random.fork(`etcd/${name}`);
    this.members = machines.map((machine) => ({
      node: weather.node(`${name}@${machine}`, async () => {}, machine),
      frozen: undefined,
    }));
    this.core = new MemoryStoreServer(
      new LeaseClock(weather.kernel, {
        lateMs: () => (this.leasesLateMs === 0 ? 0 : this.#random.below(this.leasesLateMs)),
        mayEnd: () => this.members.some((member) => this.hasQuorum(member)),
      }),
    );
    this.core.listen(() => this.#tellAll());
    weather.stores.set(name, this);
  }

  start(): void {
    for (const { node } of this.members) node.start();
  }

  /** The member lives and reaches a majority, itself included. */
  hasQuorum(member: EtcdMember): boolean {
    const reached = this.members.filter((other) => this.#works(other) && this.#reach(member, other));
    return this.#works(member) && reached.length * 2 > this.members.length;
  }

  /** From now on, or no more, the member's reads are stale. */
  freeze(member: EtcdMember, yes: boolean): void {
    member.frozen = yes ? snapshot(this.core) : undefined;
  }

  freezeNode(name: string, yes: boolean): boolean {
    const member = this.members.find(({ node }) => node.name === name);
    if (member !== undefined) this.freeze(member, yes);
    return member !== undefined;
  }

  compact(): void {
    this.core.compact();
  }

  /** Every watch is ended by its member, as when a leader changes. */
  cancelWatches(): void {
    for (const feed of this.#feeds) {
      this.#feeds.delete(feed);
      this.carry(feed.member.node.machine.name, feed.client, feed.cancelled);
    }
  }

  /** Asks a member. `run` is called where and when the request takes effect; what it answers is called at the client's. */
  request(
    from: Party,
    member: EtcdMember,
    kind: 'read' | 'change',
    run: (state: EtcdState) => () => void,
    reply: Reply,
  ): void {
    const { machine } = member.node;
    const { life } = member.node;
    if (life === undefined || !life.alive) {
      if (this.#weather.hasPower(machine.name)) this.#refuse(from, machine.name, reply);
      return;
    }
    const answer = (state: EtcdState): void => {
      const tell = run(state);
      this.carry(machine.name, from, () => reply.answered(tell));
    };
    this.carry(from.machine, { life, machine: machine.name }, () => {
      if (kind === 'read' && member.frozen !== undefined) {
        answer(member.frozen);
        return;
      }
      if (!this.hasQuorum(member)) return;
      this.#kernel.in(this.#agreementUs(), eventKind.arrival, life, () => {
        if (this.hasQuorum(member)) answer(this.core);
      });
    });
  }

  /** Opens a watch: `opened` at the client's when the member knows of it. */
  subscribe(feed: Feed, opened: () => void): void {
    const { machine } = feed.member.node;
    this.carry(feed.client.machine, { life: feed.life, machine: machine.name }, () => {
      if (!this.hasQuorum(feed.member)) return;
      this.#feeds.add(feed);
      this.carry(machine.name, feed.client, opened);
      this.#tell(feed);
    });
  }

  /** Asks whether a watch is still alive; silence means that it is not. What it has missed meanwhile is sent, too. */
  probe(feed: Feed, alive: () => void): void {
    const { machine } = feed.member.node;
    this.carry(feed.client.machine, { life: feed.life, machine: machine.name }, () => {
      if (!this.#feeds.has(feed) || !this.hasQuorum(feed.member)) return;
      this.#tell(feed);
      this.carry(machine.name, feed.client, alive);
    });
  }

  unsubscribe(feed: Feed): void {
    this.#feeds.delete(feed);
  }

  /** A message: late as the weather has it; what meets a cut link is sent again when that has healed. */
  carry(from: string, to: Party, run: () => void): void {
    const link = this.#weather.network.links.between(from, to.machine);
    if (link.cut) {
      link.waiting.push(() => this.carry(from, to, run));
      return;
    }
    this.#kernel.at(this.#weather.network.links.arrivalUs(link, this.#random), eventKind.arrival, to.life, run);
  }

  #refuse(from: Party, machine: string, reply: Reply): void {
    const { links } = this.#weather.network;
    if (links.between(from.machine, machine).cut) return;
    this.carry(machine, from, reply.refused);
  }

  #works({ node }: EtcdMember): boolean {
    return node.isUp && (node.life?.pausedUntilUs ?? 0) <= this.#kernel.nowUs;
  }

  #reach(one: EtcdMember, other: EtcdMember): boolean {
    const [a, b] = [one.node.machine.name, other.node.machine.name];
    const { links } = this.#weather.network;
    return !links.between(a, b).cut && !links.between(b, a).cut;
  }

  /** A round between members, and a flush. */
  #agreementUs(): number {
    const { delayUs } = this.#weather.network.links.weather;
    return 300 + Math.floor(this.#random.skewed(1500)) + (this.members.length > 1 ? 2 * delayUs : 0);
  }

  #tellAll(): void {
    for (const feed of this.#feeds) if (this.hasQuorum(feed.member)) this.#tell(feed);
  }

  #tell(feed: Feed): void {
    if (!feed.life.alive || !feed.client.life.alive) {
      this.#feeds.delete(feed);
      return;
    }
    const steps = this.core.since(feed.sent);
    if (steps === undefined) {
      this.#feeds.delete(feed);
      this.#push(feed, feed.compacted);
      return;
    }
    const last = steps.at(-1);
    if (last === undefined) return;
    const from = feed.sent;
    feed.sent = last.revision;
    const changes = steps.flatMap((step) => step.changes);
    this.#push(feed, () => feed.push(from, changes, last.revision));
  }

  #push(feed: Feed, run: () => void): void {
    const { links } = this.#weather.network;
    const link = links.between(feed.member.node.machine.name, feed.client.machine);
    if (link.cut) {
      link.waiting.push(() => this.#push(feed, run));
      return;
    }
    feed.lastArrivalUs = Math.max(feed.lastArrivalUs, links.arrivalUs(link, this.#random));
    this.#kernel.at(feed.lastArrivalUs, eventKind.arrival, feed.client.life, run);
  }
}

function snapshot(core: MemoryStoreServer): EtcdState {
  const { entries, revision } = core.list('');
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return {
    get: (key) => byKey.get(key),
    list: (prefix) => ({ entries: entries.filter(({ key }) => key.startsWith(prefix)), revision }),
  };
}
