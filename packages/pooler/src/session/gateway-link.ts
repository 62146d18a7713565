import { PgError, type Clock, type Connection, type Log, type NetworkError } from '@multigres/core';
import {
  BodyReader,
  decodeDefine,
  decodeOpen,
  decodeResult,
  decodeTrace,
  decodeSettings,
  encodeDefine,
  encodeError,
  encodeOpened,
  encodeResult,
  frameType,
  Link,
  protocolVersion,
  readUses,
  statementNameBytes,
  useKind,
  usesLength,
  type Answer,
  type Hello,
  type LinkHandler,
  type Open,
  type OpenAt,
  type Question,
  type ToldResult,
  type Topics,
  type Use,
  endsGroup,
  requestCount,
  requestFlag,
  shapeOf,
} from '@multigres/relay';
import { startsWithLess } from '@multigres/sql';
import { durabilityKept, malformedRelay, tooManySessions } from '../errors.ts';
import type { Admission, SessionLimits } from '../limits/session-limits.ts';
import type { Pool } from '../pool/pool.ts';
import { ShapeHistories, type DurationHistory } from '../statement/duration-history.ts';
import { Base, splitStartup, type StartupSettings } from '../pool/startup-settings.ts';
import type { Result } from '../statement/statement-results.ts';
import type { Statement, StatementTable, StatementUse } from '../statement/statement-table.ts';
import type { PoolerMetrics } from '../telemetry/pooler-metrics.ts';
import type { Gate } from './gate.ts';
import { Session, type Returner } from './session.ts';
import { Tunnel, type TunnelEnvironment } from './tunnel.ts';

/** What a link needs from the pooler around it. */
export interface LinkEnvironment {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: PoolerMetrics;
  readonly id: string;
  readonly silenceMs: number;
  readonly sessionsMax: number;
  readonly sessionLimits: SessionLimits;
  readonly statements: StatementTable;
  poolFor(open: Open, startup: StartupSettings): Pool;
  readonly tunnels: TunnelEnvironment;
  /** Whether sessions may begin something here, by where they belong. */
  readonly gates: Readonly<Record<OpenAt, Gate>>;
  /** What gateways ask that is no session's. */
  readonly topics: Topics;
  /** All links, this one included. */
  readonly links: Iterable<GatewayLink>;
  linkClosed(link: GatewayLink): void;
}

const noUses: readonly StatementUse[] = [];

/** One gateway's connection: its sessions and the statements it has defined. */
export class GatewayLink implements LinkHandler, Returner {
  readonly #environment: LinkEnvironment;
  readonly #link: Link;
  readonly #log: Log;
  readonly #sessions: Map<number, Session> = new Map();
  /** Replication connections. */
  readonly #tunnels: Map<number, Tunnel> = new Map();
  /** Sessions whose pool is still logging in. */
  readonly #opening: Map<number, Admission> = new Map();
  readonly #statements: Map<number, Statement> = new Map();
  /** What the gateway calls them. */
  readonly #ids: Map<Statement, number> = new Map();
  readonly #shapes: ShapeHistories = new ShapeHistories();
  #peer: Hello | undefined;

  constructor(connection: Connection, environment: LinkEnvironment) {
    this.#environment = environment;
    this.#log = environment.log.with({ gateway: connection.remote });
    const hello = { version: protocolVersion, id: environment.id };
    const { silenceMs, topics } = environment;
    const others = (): GatewayLink[] =>
      [...environment.links].filter((link) => link !== this && link.peer !== undefined);
    this.#link = new Link(connection, environment.clock, this, { hello, silenceMs, topics, others });
  }

  /** Asks the gateway; see `Link.ask`. */
  ask(question: Question): Promise<readonly Answer[]> {
    return this.#link.ask(question);
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get sessionCount(): number {
    return this.#sessions.size + this.#tunnels.size;
  }

  get peer(): Hello | undefined {
    return this.#peer;
  }

  /** Tells every session why it ends, then closes. */
  end(error: PgError): void {
    for (const session of [...this.#sessions.values()]) session.end(error);
    for (const tunnel of [...this.#tunnels.values()]) tunnel.finish(error);
  }

  /** Ends its replication connections: what they read is the log of who does not lead any more. */
  endTunnels(error: PgError): void {
    for (const tunnel of [...this.#tunnels.values()]) tunnel.finish(error);
  }

  /** Asks for all sessions that have nothing here to go on elsewhere. */
  leaving(): void {
    this.#link.bare(0, frameType.leaving);
  }

  destroy(): void {
    this.#link.destroy();
  }

  forget(session: Session): void {
    if (this.#sessions.get(session.id) === session) this.#left(session);
  }

  forgetTunnel(tunnel: Tunnel): void {
    if (this.#tunnels.get(tunnel.id) === tunnel) this.#tunnels.delete(tunnel.id);
  }

  hello(peer: Hello): void {
    if (peer.version !== protocolVersion) {
      this.#log.error('a gateway of another version was turned away', { theirs: peer.version, ours: protocolVersion });
      return this.#link.destroy();
    }
    this.#peer = peer;
  }

  frame(id: number, type: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    if (type === frameType.request) return this.#request(id, flags, count, buffer, start, end);
    const body = new BodyReader(buffer, start, end);
    switch (type) {
      case frameType.credit:
        return (this.#sessions.get(id) ?? this.#tunnels.get(id))?.credited(body.u32());
      case frameType.open:
        return this.#open(id, decodeOpen(body));
      case frameType.define:
        return this.#define(body);
      case frameType.forget:
        return this.#forgetStatement(body.u32());
      case frameType.result:
        return this.#relies(id, decodeResult(body));
      case frameType.pin:
        return this.#sessions.get(id)?.pin(body.u32());
      case frameType.trace:
        return this.#sessions.get(id)?.traced(decodeTrace(body));
      case frameType.unpin:
        return this.#sessions.get(id)?.unpin(body.u32());
      case frameType.settings:
        return this.#sessions.get(id)?.setSettings(decodeSettings(body));
      case frameType.settled:
        return this.#sessions.get(id)?.settled(decodeSettings(body));
      case frameType.cancel:
        return this.#cancel(id);
      case frameType.close:
        return this.#close(id);
      case frameType.after:
        return this.#sessions.get(id)?.after(body.u64());
      case frameType.recall:
        return this.#recall(id);
      default:
        throw malformedRelay(`type ${type}`);
    }
  }

  closed(error: NetworkError | undefined, violation: PgError | undefined): void {
    if (violation !== undefined) this.#log.error('a gateway broke the protocol', { reason: violation.message });
    this.#log.info('a gateway left', { sessions: this.#sessions.size, reason: error?.message });
    for (const id of this.#opening.keys()) this.#close(id);
    for (const id of this.#sessions.keys()) this.#close(id);
    for (const id of this.#tunnels.keys()) this.#close(id);
    this.#tunnels.clear();
    for (const statement of this.#statements.values()) this.#environment.statements.release(statement);
    this.#statements.clear();
    this.#ids.clear();
    this.#environment.linkClosed(this);
  }

  #cancel(id: number): void {
    const done = (): void => this.#link.bare(id, frameType.cancelled);
    const target = this.#sessions.get(id) ?? this.#tunnels.get(id);
    if (target === undefined) done();
    else target.cancel(done);
  }

  #request(id: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    const uses = readUses(buffer, start, end);
    if (uses === undefined) throw malformedRelay('uses');
    const at = start + usesLength(uses.length);
    // A session that just ended here may still be sending; its frames are dropped.
    const session = this.#sessions.get(id);
    if (session === undefined) return this.#tunnels.get(id)?.request(uses.length, buffer, at, end);
    const resolved = this.#resolve(uses, end - at);
    const history = (flags & requestFlag.shareable) === 0 ? undefined : this.#historyOf(resolved, shapeOf(count));
    session.request(flags, endsGroup(count), resolved, buffer, at, end, history);
    if (session.trace !== undefined && endsGroup(count) && !(flags & requestFlag.unseen)) session.placeTrace();
  }

  /** How long the group's only text has taken; undefined if it has several, or one that nothing is kept of. */
  #historyOf(uses: readonly StatementUse[], shape: number): DurationHistory | undefined {
    let statement: Statement | undefined;
    for (const use of uses) {
      if (use.statement === undefined) continue;
      if (shape !== 0 || (statement !== undefined && use.statement !== statement)) return undefined;
      ({ statement } = use);
    }
    if (statement !== undefined) return statement.history;
    return shape === 0 ? undefined : this.#shapes.get(shape);
  }

  /** At once, because the gateway may forget a statement while a request that uses it still waits. */
  #resolve(uses: readonly Use[], length: number): readonly StatementUse[] {
    if (uses.length === 0) return noUses;
    const resolved: StatementUse[] = [];
    let from = 0;
    for (const { kind, offset, id } of uses) {
      const named = kind === useKind.refers;
      if (offset < from || offset + (named ? statementNameBytes : 0) > length) throw malformedRelay('offset of a use');
      from = offset;
      const statement = named || kind === useKind.parses ? this.#statements.get(id) : undefined;
      if (statement === undefined && (named || kind === useKind.parses)) throw malformedRelay('undefined statement');
      resolved.push({ kind, offset, id, statement });
    }
    return resolved;
  }

  #open(id: number, open: Open): void {
    if (this.#sessions.has(id) || this.#tunnels.has(id) || this.#opening.has(id))
      throw malformedRelay('session opened twice');
    const { sessionLimits, sessionsMax, clock } = this.#environment;
    if (this.sessionCount + this.#opening.size >= sessionsMax && !sessionLimits.isReserved(open.user))
      return this.#refuse(id, tooManySessions(sessionsMax));
    const gate = this.#environment.gates[open.at];
    if (!gate.isOpen) return this.#refuse(id, gate.refusal());
    if (open.replication !== 'none') return this.#openTunnel(id, open);
    // Sessions do not choose how safe a commit is.
    if (gate.isGuarded && open.settings.some(([name, value]) => startsWithLess(name, value)))
      return this.#refuse(id, durabilityKept());
    const admission = sessionLimits.enter(open.user, open.database);
    if (admission instanceof PgError) return this.#refuse(id, admission);
    const startup = splitStartup(open.settings);
    const pool = this.#environment.poolFor(open, startup);
    this.#opening.set(id, admission);
    pool.welcome(open.credentials, startup, (base) => {
      // The client may have left meanwhile.
      if (!this.#opening.delete(id)) return;
      if (!(base instanceof Base)) {
        sessionLimits.leave(admission);
        return this.#refuse(id, gate.covers(base) ? gate.refusal() : base);
      }
      const { applicationName } = startup;
      this.#sessions.set(
        id,
        new Session(id, pool, admission, { base, applicationName }, gate, this, this.#link, clock),
      );
      const parameters = pool.parametersFor(base, applicationName);
      this.#link.send(id, frameType.opened, 0, 0, encodeOpened({ parameters }));
    });
  }

  /** Not counted by user and database, as Postgres does not count its walsenders. */
  #openTunnel(id: number, open: Open): void {
    const database = this.#environment.sessionLimits.serverDatabase(open.database);
    const tunnel = new Tunnel(id, { ...open, database }, this.#link, this.#environment.tunnels);
    this.#tunnels.set(id, tunnel);
    tunnel.start();
  }

  #refuse(id: number, error: PgError): void {
    this.#environment.metrics.refused(error.sqlstate);
    this.#link.send(id, frameType.ended, 0, 0, encodeError(error));
  }

  #close(id: number): void {
    const opening = this.#opening.get(id);
    if (opening !== undefined) {
      this.#opening.delete(id);
      this.#environment.sessionLimits.leave(opening);
    }
    const session = this.#sessions.get(id);
    this.#tunnels.get(id)?.close();
    if (session === undefined) return;
    this.#left(session);
    session.close();
  }

  #left(session: Session): void {
    this.#sessions.delete(session.id);
    this.#environment.sessionLimits.leave(session.admission);
  }

  /** It had something given back, so nothing of it runs. */
  #recall(id: number): void {
    if (!this.#sessions.has(id)) return;
    this.#close(id);
    this.#link.bare(id, frameType.recalled);
  }

  giveBack({ id }: Session, flags: number, ends: boolean, uses: readonly StatementUse[], bytes: Uint8Array): void {
    // The gateway may be forgetting them just now.
    const told = new Set<number>();
    for (const { id: named, statement } of uses) {
      if (statement === undefined || told.has(named)) continue;
      told.add(named);
      const { query, parameterTypes } = statement;
      this.#link.send(id, frameType.define, 0, 0, encodeDefine({ id: named, query, parameterTypes }));
    }
    this.#link.returned(id, flags, requestCount(ends, 0), uses, bytes);
  }

  #define(body: BodyReader): void {
    const { id, query, parameterTypes } = decodeDefine(body);
    if (this.#statements.has(id)) throw malformedRelay('statement defined twice');
    const statement = this.#environment.statements.acquire(query, parameterTypes);
    this.#set(id, statement);
    if (statement.results.first !== undefined) this.tellResult(statement);
  }

  #set(id: number, statement: Statement): void {
    this.#statements.set(id, statement);
    this.#ids.set(statement, id);
  }

  /** It is known what the statement answers: the gateway remembers it for the next pooler. */
  tellResult(statement: Statement): void {
    const [id, result] = [this.#ids.get(statement), statement.results.first];
    if (id !== undefined && result !== undefined)
      this.#link.send(0, frameType.result, 0, 0, encodeResult({ id, result }));
  }

  preparedOtherwise({ id }: Session, statement: Statement, result: Result): void {
    const named = this.#ids.get(statement);
    if (named !== undefined) this.#link.send(id, frameType.result, 0, 0, encodeResult({ id: named, result }));
  }

  /** Another pooler has found out what the statement answers, for all sessions or for this one. */
  #relies(session: number, { id, result }: ToldResult): void {
    const statement = this.#statements.get(id);
    if (statement === undefined) throw malformedRelay('undefined statement with a result');
    if (session !== 0) return this.#sessions.get(session)?.relies(statement, statement.results.known(result.slice()));
    const relying = this.#environment.statements.relying(statement, result.slice());
    if (relying === statement) return;
    if (this.#ids.get(statement) === id) this.#ids.delete(statement);
    this.#set(id, relying);
  }

  #forgetStatement(id: number): void {
    const statement = this.#statements.get(id);
    if (statement === undefined) throw malformedRelay('undefined statement forgotten');
    this.#statements.delete(id);
    if (this.#ids.get(statement) === id) this.#ids.delete(statement);
    this.#environment.statements.release(statement);
  }
}
