import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { conversation, startup, startupPackets, type Texts } from '../generate/client-messages.ts';
import { Dice, join } from '../generate/dice.ts';
import { cut, damage, framed, mutated, tagged, untagged } from '../generate/mutate.ts';
import { gatewayFrames } from '../generate/relay-frames.ts';
import { Canary } from './canary.ts';
import { MadPooler } from './mad-pooler.ts';
import { standIn, victim, type StandIn } from './stand-in.ts';
import { Wire } from './wire.ts';

const postgres: Endpoint = { kind: 'tcp', host: 'postgres', port: 5432 };
const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };
const front: Endpoint = { kind: 'tcp', host: 'gateway', port: 5432 };
const madRelay: Endpoint = { kind: 'tcp', host: 'mad', port: 6543 };
const madFront: Endpoint = { kind: 'tcp', host: 'gateway', port: 5433 };

const texts: Texts = {
  reads: ['select 1', "select 'two'", 'select $1', 'nonsense', ''],
  others: [
    'begin',
    'commit',
    'rollback',
    'insert',
    'set a to b',
    'listen c',
    'prepare p as select 1',
    'discard all',
    'update t set a = 1',
  ],
  copyIn: 'copy t from stdin',
  copyOut: 'copy t to stdout',
};

/** At once. */
const attackersMax = 6;
/** Everything that may still be going on is over after this: goodbyes, what is finished for clients that left, idle backends. */
const quietMs = 120_000;

export interface BatchOptions {
  /** Names everything that happens in it. */
  readonly seed: string;
  readonly cases: number;
}

export interface BatchResult {
  readonly cases: number;
  readonly bytes: number;
  /** What went wrong, a sentence each; none if all is well. */
  readonly failures: readonly string[];
}

/**
 * One cluster in memory, and as many cases in it as asked for: clients that break the protocol, a server that does, garbage on the link between
 * gateway and pooler, in both directions. Meanwhile canaries use the same pools; in the end nothing may be left. The same seed does the same.
 */
export async function fuzzBatch(options: BatchOptions): Promise<BatchResult> {
  const batch = new Batch(options);
  try {
    await batch.run();
  } catch (error) {
    batch.failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const { cases, bytes, failures } = batch;
  return { cases, bytes, failures: failures.length === 0 ? failures : [...failures, ...batch.lastWords] };
}

class Batch {
  cases = 0;
  bytes = 0;
  readonly failures: string[] = [];
  readonly #options: BatchOptions;
  readonly #world: QuietWorld;
  readonly #dice: Dice;
  #server!: StandIn;
  #pooler!: Pooler;
  #gateway!: Gateway;
  #madGateway!: Gateway;
  #mad!: MadPooler;
  readonly #canaries: Canary[] = [];
  readonly #nodes: QuietWorld[] = [];

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#world = quietWorld({ seed: options.seed });
    this.#dice = new Dice(this.#world.random.fork('fuzz'));
  }

  /** What the processes logged last, to be read beside the failures. */
  get lastWords(): readonly string[] {
    return this.#nodes.flatMap((node) => node.lines.slice(-8).map((line) => JSON.stringify(line).slice(0, 400)));
  }

  async run(): Promise<void> {
    await this.#start();
    while (this.cases < this.#options.cases) await this.#round();
    for (const canary of this.#canaries) await this.#world.until(this.#ask(canary));
    // It need not answer at all, and who waits for it would wait on.
    this.#mad.die();
    this.#server.endMadness();
    await this.#world.advance(quietMs);
    this.#look();
  }

  async #start(): Promise<void> {
    const world = this.#world;
    const node = (name: string): QuietWorld => {
      const made = world.node(name);
      this.#nodes.push(made);
      return made;
    };
    this.#server = await standIn(world.node('postgres'), postgres, this.#dice);
    const limits = {
      ...defaultPoolerLimits,
      poolBackendsMax: 10,
      sharedBackendsMax: 2,
      statementsMax: 5,
      idleMs: 60_000,
    };
    this.#pooler = await startPooler(node('pooler'), { id: 'pooler', relay, postgres, limits });
    this.#mad = new MadPooler(this.#dice);
    await this.#mad.listen(world.node('mad'), madRelay);
    const gateway = { auth: { kind: 'trust' }, limits: { ...defaultGatewayLimits, statementsMax: 50 } } as const;
    this.#gateway = await startGateway(node('gateway'), { ...gateway, id: 'gateway', listen: [front] }, relay);
    const mad = { ...gateway, id: 'other', listen: [madFront] };
    this.#madGateway = await startGateway(node('other'), mad, madRelay);
    for (const name of ['canary 1', 'canary 2']) {
      const connection = await world.until(world.network.connect(front, { timeoutMs: 1000 }));
      const canary = new Canary(name, connection, { user: 'app', database: 'd' });
      this.#canaries.push(canary);
      await world.until(canary.ready());
    }
  }

  /** Some attackers at once, their pieces mixed, canaries between them. */
  async #round(): Promise<void> {
    const dice = this.#dice;
    const world = this.#world;
    const attackers: Attacker[] = [];
    for (let count = 1 + dice.below(attackersMax); count > 0; count--) attackers.push(await this.#attacker());
    this.cases += attackers.length;
    const asked: Promise<void>[] = [];
    for (let left = attackers.filter(({ pieces }) => pieces.length > 0); left.length > 0;) {
      const attacker = dice.pick(left);
      const piece = attacker.pieces.shift() as Uint8Array;
      this.bytes += piece.length;
      attacker.wire.connection.write(piece.slice());
      if (dice.chance(0.1)) await world.settle();
      if (asked.length < this.#canaries.length && dice.chance(0.05))
        asked.push(this.#ask(this.#canaries[asked.length] as Canary));
      left = left.filter(({ pieces, wire }) => pieces.length > 0 && !wire.isClosed);
    }
    await world.settle();
    for (const { wire } of attackers) {
      if (dice.chance(0.5)) wire.connection.end();
      else wire.connection.destroy();
    }
    for (const answer of asked) await world.until(answer);
    if (this.failures.length > 0) throw new Error('a canary was harmed');
    if (dice.chance(0.2)) await world.advance(dice.size(10_000));
    for (const { wire, what } of attackers)
      if (!wire.isSane) this.failures.push(`a client that ${what} was told what is no protocol`);
  }

  /** What goes wrong is noted at once: nobody waits for it yet. */
  async #ask(canary: Canary): Promise<void> {
    try {
      await canary.ask();
    } catch (error) {
      this.failures.push(String(error));
    }
  }

  async #attacker(): Promise<Attacker> {
    const dice = this.#dice;
    const kind = dice.below(10);
    if (kind === 0) {
      const frames = gatewayFrames('relay', dice);
      const pieces = dice.chance(0.5) ? cut(frames, dice) : mutated(frames, framed, 'bytes', dice);
      return this.#connect(relay, pieces, 'speaks as a gateway', false);
    }
    if (kind === 1) {
      const all = [startup({ user: 'app', database: 'd' }), ...conversation(texts, dice)];
      return this.#connect(madFront, cut(all, dice), 'is served by a mad pooler', false);
    }
    const mad = kind === 2 || kind === 3;
    const who = { user: mad ? victim : 'app', database: mad ? `d${dice.below(3)}` : 'd' };
    const said = conversation(texts, dice);
    if (mad) return this.#connect(front, cut([startup(who), ...said], dice), 'is served by a mad server', false);
    if (kind === 4) {
      const packets = startupPackets(who, dice).map((packet) =>
        dice.chance(0.5) ? damage(packet, untagged, dice) : packet,
      );
      return this.#connect(front, cut([...packets, ...said], dice), 'begins badly', false);
    }
    const violence = dice.pick(['none', 'order', 'bytes'] as const);
    const pieces = [startup(who), join(mutated(said, tagged, violence, dice))];
    return this.#connect(front, cut(pieces, dice), `speaks with violence ${violence}`, true);
  }

  async #connect(to: Endpoint, pieces: Uint8Array[], what: string, sane: boolean): Promise<Attacker> {
    const connection = await this.#world.until(this.#world.network.connect(to, { timeoutMs: 1000 }));
    const sink = { frame: () => {}, part: () => {} };
    const wire = sane ? new Wire(connection, sink) : new DeafWire(connection, sink);
    return { wire, pieces, what };
  }

  /** Nothing of the attackers may be left. */
  #look(): void {
    const expect = (what: string, is: number, may: number): void => {
      if (is > may) this.failures.push(`${is} ${what} are left where at most ${may} may be`);
    };
    const { sessions, logins } = this.#gateway.status();
    const mad = this.#madGateway.status();
    const pooler = this.#pooler.status();
    expect('sessions of the gateway', sessions, this.#canaries.length);
    expect('logins of the gateway', logins, 0);
    expect('sessions of the gateway with the mad pooler', mad.sessions + mad.logins, 0);
    expect('sessions of the pooler', pooler.sessions, this.#canaries.length);
    for (const pool of pooler.pools) {
      expect(`leased backends of ${pool.user}`, pool.leased, 0);
      expect(`waiting sessions of ${pool.user}`, pool.waiting, 0);
    }
    expect('backends by the pooler’s count', pooler.backends, this.#server.connections.size);
    expect('connections of Postgres', this.#server.connections.size, 10);
  }
}

interface Attacker {
  readonly wire: Wire;
  /** What it has still to say. */
  readonly pieces: Uint8Array[];
  readonly what: string;
}

/** Of what a mad server says, nothing is expected. */
class DeafWire extends Wire {
  override data(): void {}
  override get isSane(): boolean {
    return true;
  }
}
