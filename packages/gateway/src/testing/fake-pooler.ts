import { PgError, sqlstate, utf8Text, type Endpoint, type PgReport } from '@multigres/core';
import type { QuietWorld } from '@multigres/core/quiet';
import {
  encodeCommandComplete,
  encodeErrorResponse,
  encodeReadyForQuery,
  frontendTag,
  MessageWriter,
} from '@multigres/pgwire';
import {
  BodyReader,
  BodyWriter,
  decodeDefine,
  decodeOpen,
  decodeSettings,
  encodeDefine,
  encodeError,
  encodeOpened,
  endsGroup,
  frameType,
  Link,
  protocolVersion,
  readUses,
  replyFlag,
  Topics,
  usesLength,
  type LinkHandler,
  type Open,
  type Use,
} from '@multigres/relay';
import {
  create,
  DataState,
  endpointMessage,
  MemberRole,
  NetworkTransport,
  PoolerService,
  PoolerStatusSchema,
  Published,
  served,
  type CallContext,
  type MemberStatusSchema,
  type MessageInitShape,
  type PoolerStatus,
} from '@multigres/rpc';
import type { Directory } from '@multigres/topology';

interface FakeSession {
  readonly open: Open;
  status: 'I' | 'T';
  pins: number;
  settings: string;
  returning: boolean;
  after: bigint;
}

/** The shard that gateways serve if nobody says anything else. */
export const testShard = { database: 'postgres', tableGroup: 'default', shard: '0' };

export function rule(term: number, subterm = 0): { ballot: { term: bigint; nonce: string }; subterm: bigint } {
  return { ballot: { term: BigInt(term), nonce: '' }, subterm: BigInt(subterm) };
}

/**
 * A pooler for tests of the gateway: it runs nothing, answers every Query with its own name and the text, as a command tag, and says of its health
 * what it is told to. `begin` and `commit` are understood, `hang` is never answered, `write` tells how far the log has got.
 */
export class FakePooler implements LinkHandler {
  readonly name: string;
  readonly world: QuietWorld;
  /** What it ran, in order. */
  readonly ran: string[] = [];
  readonly sessions: Map<number, FakeSession> = new Map();
  /** Whether groups may begin. */
  serves = true;
  /** It answers nothing. */
  hangs = false;
  lsn = 0n;
  readonly #texts: Map<number, string> = new Map();
  readonly #status: Published<PoolerStatus>;
  #link: Link | undefined;
  readonly #writer: MessageWriter = new MessageWriter();

  private constructor(world: QuietWorld, name: string) {
    this.world = world;
    this.name = name;
    this.#status = new Published(world.clock, create(PoolerStatusSchema, {}));
  }

  static async start(world: QuietWorld, directory: Directory, cell: string, name: string): Promise<FakePooler> {
    const pooler = new FakePooler(world.node(name), name);
    const [relay, rpc] = [pooler.#endpoint(6543), pooler.#endpoint(7000)];
    await pooler.world.network.listen(relay, (connection) => {
      const hello = { version: protocolVersion, id: name };
      const topics = new Topics(name).on('walEnd', async () => new BodyWriter().u64(pooler.lsn).done());
      pooler.#link = new Link(connection, world.clock, pooler, { hello, silenceMs: 60_000, topics });
    });
    const service = served(PoolerService, {
      getStatus: async () => ({ status: pooler.#status.value }),
      watchHealth: (request, context) => pooler.#watch(context, request.heartbeatMs),
    });
    await new NetworkTransport(pooler.world).serve(rpc, [service]);
    directory.registerPooler({
      id: { cell, name },
      shard: testShard,
      rpcEndpoint: endpointMessage(rpc),
      relayEndpoint: endpointMessage(relay),
    });
    return pooler;
  }

  /** What its health stream tells from now on. */
  tells(member: MessageInitShape<typeof MemberStatusSchema>): void {
    const data = DataState.FINE;
    this.#status.set(
      create(PoolerStatusSchema, { id: { name: this.name }, member: { data, postgresUp: true, ...member } }),
    );
  }

  /** It leads by this rule, and serves. */
  leads(term: number, subterm = 0): void {
    this.serves = true;
    this.tells({
      role: MemberRole.LEADER,
      open: true,
      position: { rule: { number: rule(term, subterm) }, decided: true, flushedLsn: this.lsn },
      durableLsn: this.lsn,
    });
  }

  /** It led by this rule and serves no more. */
  resigns(term: number): void {
    this.serves = false;
    this.tells({
      role: MemberRole.RESIGNED,
      open: false,
      closedReason: 'it has resigned',
      position: { rule: { number: rule(term) }, decided: true },
    });
  }

  follows(term: number, replayedLsn = 0n, streaming = true): void {
    this.serves = true;
    this.lsn = replayedLsn;
    this.tells({
      role: MemberRole.FOLLOWER,
      position: { rule: { number: rule(term) }, decided: true },
      readsOpen: true,
      following: { streaming, joined: true, replayedLsn, receivedLsn: replayedLsn, rule: rule(term) },
    });
  }

  /** It is asked to stop. */
  isLeaving(): void {
    this.serves = false;
    this.#link?.bare(0, frameType.leaving);
  }

  /** Its process is gone: the gateway's connection breaks. */
  breaks(): void {
    this.#link?.destroy();
  }

  get isConnected(): boolean {
    return this.#link?.isClosed === false;
  }

  #endpoint(port: number): Endpoint {
    return { kind: 'tcp', host: this.name, port };
  }

  async *#watch(context: CallContext, heartbeatMs: number): AsyncIterable<{ status: PoolerStatus }> {
    for await (const status of this.#status.watch(context, heartbeatMs)) yield { status };
  }

  hello(): void {}

  closed(): void {
    this.sessions.clear();
  }

  frame(id: number, type: number, flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    const link = this.#link as Link;
    const session = this.sessions.get(id);
    const body = new BodyReader(buffer, start, end);
    switch (type) {
      case frameType.open:
        return this.#open(id, decodeOpen(body), link);
      case frameType.request:
        if (session !== undefined) this.#request(id, session, flags, count, buffer, start, end);
        return;
      case frameType.define: {
        const { id: named, query } = decodeDefine(body);
        this.#texts.set(named, query);
        return;
      }
      case frameType.pin:
        if (session !== undefined) session.pins |= body.u32();
        return;
      case frameType.settings:
        if (session !== undefined) session.settings = decodeSettings(body).text;
        return;
      case frameType.after:
        if (session !== undefined) session.after = body.u64();
        return;
      case frameType.recall:
        this.sessions.delete(id);
        return link.bare(id, frameType.recalled);
      case frameType.close:
        this.sessions.delete(id);
        return;
      default:
    }
  }

  #open(id: number, open: Open, link: Link): void {
    if (!this.serves) return link.send(id, frameType.ended, 0, 0, encodeError(notServing()));
    const settings = '';
    this.sessions.set(id, { open, status: 'I', pins: 0, settings, returning: false, after: 0n });
    link.send(id, frameType.opened, 0, 0, encodeOpened({ parameters: [['server_version', '17']] }));
  }

  #request(
    id: number,
    session: FakeSession,
    flags: number,
    count: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    const link = this.#link as Link;
    const waits = session.after > this.lsn;
    if (session.returning || ((!this.serves || waits) && session.status === 'I')) {
      session.returning = true;
      this.#tellTexts(id, readUses(buffer, start, end) ?? []);
      return link.send(id, frameType.returned, flags, count, buffer, start, end);
    }
    if (!endsGroup(count)) return;
    const uses = readUses(buffer, start, end) ?? [];
    const named = uses.find((use) => use.id !== 0);
    const text = named === undefined ? textOf(buffer, start + usesLength(uses.length), end) : this.#texts.get(named.id);
    this.#run(id, session, text ?? '?');
  }

  #tellTexts(id: number, uses: readonly Use[]): void {
    for (const { id: named } of uses) {
      const query = this.#texts.get(named);
      if (query === undefined) continue;
      const define = { id: named, query, parameterTypes: [] };
      (this.#link as Link).send(id, frameType.define, 0, 0, encodeDefine(define));
    }
  }

  #run(id: number, session: FakeSession, text: string): void {
    this.ran.push(text);
    if (this.hangs || text === 'hang') return;
    if (text === 'begin') session.status = 'T';
    if (text === 'commit') session.status = 'I';
    if (text === 'write') this.lsn += 100n;
    this.answer(id, undefined, `${this.name}:${text}`);
  }

  /** Answers the oldest group of a session. */
  answer(id: number, error: PgReport | undefined, tag: string): void {
    const session = this.sessions.get(id) as FakeSession;
    if (error === undefined) encodeCommandComplete(this.#writer, tag);
    else encodeErrorResponse(this.#writer, error);
    encodeReadyForQuery(this.#writer, session.status);
    const bytes = this.#writer.take();
    const status = session.status === 'T' ? replyFlag.inTransaction : 0;
    (this.#link as Link).reply(id, replyFlag.ready | replyFlag.idle | status, 0, bytes, 0, bytes.length);
  }
}

function notServing(): PgError {
  return new PgError({ severity: 'FATAL', sqlstate: sqlstate.notTheLeader, message: 'not the leader' });
}

/** Of the Query that a piece begins with; `sync` for another message. */
function textOf(buffer: Uint8Array, start: number, end: number): string {
  if (buffer[start] !== frontendTag.query) return 'sync';
  return utf8Text(buffer.subarray(start + 5, end - 1));
}
