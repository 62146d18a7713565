import { endsGroup, requestFlag, type CarriedSettings, type Open } from '@multigres/relay';
import type { PgError } from '@multigres/core';
import type { ChannelHandler, PoolerClient } from '../route/pooler-client.ts';
import type { Route } from '../route/route.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import { newPlace, type Piece, type Place } from './place.ts';
import type { StatementUse } from './request-builder.ts';

/** What a session does for its reads. */
export interface ReadingSession {
  readonly status: 'I' | 'T' | 'E';
  /** Reasons to keep a backend. */
  readonly pins: number;
  /** Where it is now becomes another place; answers the former one. */
  swap(place: Place): Place;
  /** Says it where the session is now, or, if that is nowhere, where it will be. */
  sayHere(pieces: readonly Piece[]): void;
  /** No more is taken from the client until `goOn`. */
  stall(): void;
  goOn(): void;
  reply(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void;
  credited(bytes: number): void;
  preparedOtherwise(statement: CatalogStatement, result: Uint8Array): void;
  /** What its statements answer where that is not what they answered first, for another place of it. */
  tellResults(place: Place): void;
  /** A read is lost that cannot be said again. */
  readLost(): void;
}

/** A group under way. */
interface UnderWay {
  readonly reads: boolean;
  /** Undefined: it is too long to be kept, or was said to the leader. */
  readonly piece: Piece | undefined;
}

/**
 * What a follower has told of its replay is half a second old. One that was so close then has caught up by now, mostly: it waits for a moment if not,
 * and gives the read back if that does not help.
 */
const closeBytes = 1024n * 1024n;

/** Longer reads are not kept: should their replica be lost, so is the session. */
const keptBytesMax = 16 * 1024;

/**
 * The reads of a session that prefers replicas: a second channel, at a follower, for groups that only read, while all else goes to the leader. Answers
 * keep their order, because the session turns from one to the other only when nothing is under way. After a write it reads from the leader until it is
 * known how far the log has got, and then from a follower that has replayed that far.
 */
export class ReplicaReads implements ChannelHandler {
  readonly at = 'follower';
  readonly #session: ReadingSession;
  readonly #route: Route;
  readonly #open: Open;
  #settings: CarriedSettings | undefined;
  /** The follower's channel, and whether it may be used yet. */
  #reader: Place | undefined;
  #isOpened = false;
  /** The follower has been told these. */
  #toldSettings: CarriedSettings | undefined;
  #toldLsn = 0n;
  /** The leader's place, while the session is at the follower. */
  #home: Place | undefined;
  /** What everything that it has written is below; undefined while that is not known. */
  #lsn: bigint | undefined = undefined;
  #isAsking = false;
  /** It may have written since it was asked last. */
  #wrote = true;
  /** In the middle of a group. */
  #isMid = false;
  readonly #underWay: UnderWay[] = [];
  /** A group that waits until the session can turn. */
  #queue: Piece[] = [];
  /** A part of the answer that is due has been passed on. */
  #isDelivered = false;
  #returned: Piece[] | undefined;
  /** A transaction at the follower has made something that stays on its backend. */
  #isPinnedAway = false;
  #isClosed = false;

  /** `open`: as at the leader. `settings`: what the session has set by now. */
  constructor(session: ReadingSession, route: Route, open: Open, settings: CarriedSettings | undefined) {
    this.#session = session;
    this.#route = route;
    this.#open = { ...open, at: 'follower' };
    this.#settings = settings;
    this.#learn();
    this.#look();
  }

  /** The session is at the follower. */
  get isAway(): boolean {
    return this.#home !== undefined;
  }

  /** False: the piece is kept, and said when its turn has come. */
  admits(
    flags: number,
    count: number,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (this.#queue.length > 0) return this.#keep({ flags, count, uses, bytes: bytes.slice(start, end) });
    if (!this.#isMid) {
      const away = this.#wantsAway(flags, count);
      const mustTurn = away === undefined || away !== this.isAway;
      if (mustTurn && (away === undefined || this.#underWay.length > 0))
        return this.#keep({ flags, count, uses, bytes: bytes.slice(start, end) });
      if (mustTurn) this.#turn();
    }
    if (!this.isAway) {
      this.#note(flags, count, undefined);
      return true;
    }
    const piece = end - start > keptBytesMax ? undefined : { flags, count, uses, bytes: bytes.slice(start, end) };
    this.#note(flags, count, piece);
    return true;
  }

  answered(): void {
    const group = this.#underWay.shift();
    this.#isDelivered = false;
    if (!this.isAway && group?.reads === false) this.#wrote = true;
    if (this.#wrote && this.#session.status === 'I') this.#learn();
    this.#release();
  }

  syncIgnored(): void {
    this.#underWay.shift();
    if (this.#underWay.length === 0) this.#isMid = true;
  }

  settled(settings: CarriedSettings): void {
    this.#settings = settings;
  }

  /** The leader's channel is gone while nothing of the session was there. */
  homeGone(): void {
    if (this.#home !== undefined) this.#home = { ...this.#home, channel: 0 };
  }

  /** The leader does not lead any more. */
  homeLeft(): void {
    if (this.#home === undefined || this.#home.channel === 0) return;
    this.#home.pooler.close(this.#home.channel);
    this.homeGone();
  }

  /** The session is at the follower: in a transaction the reasons belong there, else to what is about to be said to the leader. */
  pin(reasons: number): void {
    const inTransaction = this.#session.status !== 'I';
    this.#isPinnedAway ||= inTransaction;
    const place = inTransaction ? this.#reader : this.#home;
    if (place !== undefined && place.channel !== 0) place.pooler.pin(place.channel, reasons);
  }

  homeCredited(bytes: number): void {
    this.#home?.sendWindow.credited(bytes);
  }

  /** The session ends, or reads from the leader alone from now on: then it is there already. */
  close(): void {
    this.#isClosed = true;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined && !this.isAway) reader.pooler.close(reader.channel);
    if (this.#home !== undefined && this.#home.channel !== 0) this.#home.pooler.close(this.#home.channel);
    this.#home = undefined;
  }

  // --- the follower ---

  opened(): void {
    this.#isOpened = true;
    if (this.#reader !== undefined) this.#session.tellResults(this.#reader);
    this.#release();
  }

  reply(flags: number, count: number, buffer: Uint8Array, start: number, end: number): void {
    if (end > start) this.#isDelivered = true;
    this.#session.reply(flags, count, buffer, start, end);
  }

  credited(bytes: number): void {
    if (this.isAway) this.#session.credited(bytes);
    else this.#reader?.sendWindow.credited(bytes);
  }

  claimed(): void {}

  preparedOtherwise(statement: CatalogStatement, result: Uint8Array): void {
    this.#session.preparedOtherwise(statement, result);
  }

  /** Where the session is now it is known already. */
  tellOther(statement: CatalogStatement, result: Uint8Array): void {
    const other = this.isAway ? this.#home : this.#isOpened ? this.#reader : undefined;
    if (other !== undefined && other.channel !== 0) other.pooler.relies(other.channel, statement, result);
  }

  /** It was not let in, or the pooler ends. */
  ended(_error: PgError): void {
    if (this.#reader !== undefined) this.#route.refusedBy(this.#reader.pooler);
    this.lost();
  }

  lost(): void {
    if (this.#isClosed) return;
    this.#reader = undefined;
    this.#isOpened = false;
    if (!this.isAway) return this.#release();
    const pieces = this.#underWay.flatMap(({ piece }) => (piece === undefined ? [] : [piece]));
    const isWhole = pieces.length === this.#underWay.length && !this.#isDelivered && !this.#isMid;
    if (!isWhole || this.#session.status !== 'I') return this.#session.readLost();
    this.#goHome();
    this.#session.sayHere(this.#returned ?? pieces);
    this.#returned = undefined;
  }

  movesOn(): void {
    if (this.#reader === undefined || this.#underWay.length > 0 || this.#session.status !== 'I') return;
    this.#drop();
    this.#release();
  }

  /** It has not replayed far enough, or does not serve reads any more. All that is under way comes back; it is known here as well. */
  returned(): void {
    if (this.#returned !== undefined || this.#reader === undefined) return;
    this.#returned = this.#underWay.flatMap(({ piece }) => (piece === undefined ? [] : [piece]));
    this.#reader.pooler.recall(this.#reader.channel);
    this.#route.refusedBy(this.#reader.pooler);
  }

  recalled(): void {
    this.lost();
  }

  // --- inside ---

  #keep(piece: Piece): false {
    if (this.#queue.length === 0) this.#session.stall();
    this.#queue.push(piece);
    this.#look();
    return false;
  }

  #note(flags: number, count: number, piece: Piece | undefined): void {
    this.#isMid = !endsGroup(count);
    if (this.#isMid || (flags & requestFlag.unseen) !== 0) return;
    this.#underWay.push({ reads: (flags & requestFlag.reads) !== 0, piece });
  }

  /** Where the group that begins is to go; undefined while that is about to turn out. */
  #wantsAway(flags: number, count: number): boolean | undefined {
    this.#isPinnedAway &&= this.#session.pins !== 0;
    if (this.#session.status !== 'I' || this.#isPinnedAway) return this.isAway;
    if ((flags & requestFlag.reads) === 0 || !endsGroup(count)) return false;
    if (this.#lsn === undefined) {
      if (!this.#isAsking) this.#learn();
      return false;
    }
    if (this.#reader?.pooler.reads.isOpen === false && this.#underWay.length === 0) this.#drop();
    this.#look();
    if (this.#reader === undefined) return false;
    if (!this.#isOpened) return undefined;
    const { isOpen, replayedLsn } = this.#reader.pooler.reads;
    return isOpen && replayedLsn + closeBytes >= this.#lsn;
  }

  /** Nothing is under way, and the follower serves no reads any more. */
  #drop(): void {
    if (this.isAway) this.#goHome();
    const { pooler, channel } = this.#reader as Place;
    this.#reader = undefined;
    pooler.close(channel);
  }

  /** A follower that serves reads, if there is one and none is in use. */
  #look(): void {
    if (this.#reader !== undefined || this.#isClosed) return;
    const client = this.#route.follower((this.#lsn ?? 0n) - closeBytes);
    if (client === undefined) return;
    this.#isOpened = false;
    this.#toldSettings = undefined;
    this.#toldLsn = 0n;
    this.#reader = this.#openAt(client);
  }

  #openAt(client: PoolerClient): Place {
    return newPlace(client, client.open(this.#open, this));
  }

  #turn(): void {
    if (this.isAway) return this.#goHome();
    const reader = this.#reader as Place;
    this.#home = this.#session.swap(reader);
    const { pooler, channel } = reader;
    if (this.#settings !== undefined && this.#settings !== this.#toldSettings) pooler.settings(channel, this.#settings);
    this.#toldSettings = this.#settings;
    const lsn = this.#lsn ?? 0n;
    if (lsn > this.#toldLsn) pooler.after(channel, lsn);
    this.#toldLsn = lsn;
  }

  #goHome(): void {
    const home = this.#home as Place;
    this.#home = undefined;
    const left = this.#session.swap(home);
    if (this.#reader !== undefined) this.#reader = left;
  }

  /** What had to wait for its turn. */
  #release(): void {
    if (this.#queue.length === 0 || this.#underWay.length > 0) return;
    const away = this.#queueWantsAway();
    if (away === undefined) return;
    const pieces = this.#queue;
    this.#queue = [];
    if (away !== this.isAway) this.#turn();
    for (const piece of pieces) this.#note(piece.flags, piece.count, away ? piece : undefined);
    this.#session.sayHere(pieces);
    this.#session.goOn();
  }

  #queueWantsAway(): boolean | undefined {
    const wishes = this.#queue.map(({ flags, count }) => this.#wantsAway(flags, count));
    if (wishes.includes(false)) return false;
    return wishes.includes(undefined) ? undefined : true;
  }

  /** How far the log has got, now that everything that it wrote is answered. */
  #learn(): void {
    this.#lsn = undefined;
    this.#wrote = false;
    if (this.#isAsking) {
      this.#wrote = true;
      return;
    }
    this.#isAsking = true;
    void this.#route.walEnd().then((lsn) => {
      this.#isAsking = false;
      if (this.#isClosed) return;
      // Something was written behind the question.
      if (this.#wrote && this.#session.status === 'I') this.#learn();
      else this.#lsn = lsn;
    });
  }
}
