import { PinReason, pinsKeptByRollback, Trait, type Classification } from '@multigres/sql';

/** Something in a group that may end a pin; true once the transaction around it has committed. */
export type PinEnd =
  | { readonly kind: 'ends'; readonly at: number; readonly reasons: number }
  /** One of the things that a reason stands for is gone; the reason goes with the last. */
  | { readonly kind: 'drops'; readonly at: number; readonly reason: number; readonly name: string }
  /** ROLLBACK TO: what the transaction has ended may be back. */
  | { readonly kind: 'revives' };

/** A group under way, as far as pins go. */
export interface PinEffects {
  readonly ends: readonly PinEnd[];
  /** Pins added later than this belong to groups behind it. */
  readonly at: number;
  readonly rollsBack: boolean;
}

/** Names that somebody counts: a reason lasts as long as one of its names. */
interface Names {
  readonly known: Map<string, number>;
  /** Something of the kind was made whose name nobody knows, or names have changed. */
  unclear: boolean;
}

const bits = 15;

/**
 * Why a session keeps its backend, and until when. A reason is added when the statement that brings it is sent, and taken away when it is
 * certain that nothing of it is left: the statement that ended it has succeeded and its transaction is committed, or the transaction that
 * brought it is rolled back. When in doubt it stays. One exists per session that was ever pinned.
 */
export class SessionPins {
  #pins = 0;
  /** Counts what was noted, to tell what came first. */
  #now = 0;
  /** Per bit, when it was added first and last. */
  readonly #first: number[] = Array.from({ length: bits }, () => 0);
  readonly #last: number[] = Array.from({ length: bits }, () => 0);
  readonly #names: Map<number, Names> = new Map();
  /** When the last group was answered that left no transaction open. */
  #idleAt = 0;
  /** When the last group was answered. */
  #answeredAt = 0;
  /** Ends that wait for their transaction's. */
  #ending: PinEnd[] = [];

  get pins(): number {
    return this.#pins;
  }

  get now(): number {
    return this.#now;
  }

  /** The statement brings these reasons; undefined: nobody knows which statement. */
  add(reasons: number, effects: Classification | undefined): void {
    this.#now += 1;
    const named = effects?.target === undefined ? 0 : (made.get(effects.kind) ?? 0);
    for (let bit = 0; bit < bits; bit++) {
      const reason = 1 << bit;
      if ((reasons & reason) === 0) continue;
      if ((this.#pins & reason) === 0) this.#first[bit] = this.#now;
      this.#last[bit] = this.#now;
      if ((counted & reason) !== 0) this.#made(reason, reason === named ? effects?.target : undefined);
    }
    this.#pins |= reasons;
  }

  /** These are not worth keeping a backend for any more: answers those that there were. */
  drop(reasons: number): number {
    const dropped = this.#pins & reasons;
    this.#pins &= ~reasons;
    this.#forgetNames();
    return dropped;
  }

  /** What the statement ends, if it succeeds. */
  endsOf(effects: Classification): PinEnd | undefined {
    const { kind, target } = effects;
    if (kind === 'rollbackTo') return { kind: 'revives' };
    this.#now += 1;
    const at = this.#now;
    const reasons = effects.unpins & this.#pins;
    if (reasons !== 0) return { kind: 'ends', at, reasons };
    const reason = dropped.get(kind) ?? 0;
    if (kind === 'ddl') this.#definition(effects);
    if ((reason & this.#pins) === 0 || target === undefined) return undefined;
    return kind === 'ddl' && (effects.traits & Trait.drops) === 0
      ? undefined
      : { kind: 'drops', at, reason, name: target };
  }

  /**
   * A group is answered that failed before anything of it was executed; to be called before `answered`. What it brought, and nobody before or since, is
   * over. What the gateway prepared by itself in front of it may have happened all the same.
   */
  ranNothing(effects: PinEffects | undefined): number {
    return this.drop(this.#broughtBetween(this.#answeredAt, effects?.at ?? 0) & ~PinReason.preparedStatement);
  }

  /** A group was answered: answers the reasons that are over. */
  answered(effects: PinEffects | undefined, before: 'I' | 'T' | 'E', after: 'I' | 'T' | 'E', failed: boolean): number {
    if (!failed && effects !== undefined) this.#ending.push(...effects.ends);
    const at = effects?.at ?? 0;
    this.#answeredAt = Math.max(this.#answeredAt, at);
    if (after !== 'I') return 0;
    const undone = failed || before === 'E' || effects?.rollsBack === true;
    let over = undone ? this.#brought(at) : this.#ended();
    if ((this.#last[untilCommitBit] as number) <= at) over |= this.#pins & PinReason.tempUntilCommit;
    this.#ending = [];
    this.#idleAt = Math.max(this.#idleAt, at);
    this.#pins &= ~over;
    this.#forgetNames();
    return over;
  }

  #forgetNames(): void {
    for (const reason of this.#names.keys()) if ((this.#pins & reason) === 0) this.#names.delete(reason);
  }

  /** What the transaction that is rolled back has brought, and nobody since. */
  #brought(at: number): number {
    return this.#broughtBetween(this.#idleAt, at) & ~pinsKeptByRollback;
  }

  #broughtBetween(after: number, at: number): number {
    let over = 0;
    for (let bit = 0; bit < bits; bit++) {
      const came = (this.#first[bit] as number) > after && (this.#last[bit] as number) <= at;
      if (came) over |= 1 << bit;
    }
    return over & this.#pins;
  }

  #ended(): number {
    let over = 0;
    for (const end of this.#ending.slice(this.#ending.findLastIndex(({ kind }) => kind === 'revives') + 1)) {
      if (end.kind === 'ends') over |= this.#notSince(end.reasons, end.at);
      else if (end.kind === 'drops' && this.#isLast(end.reason, end.name, end.at))
        over |= this.#notSince(end.reason, end.at);
    }
    return over & this.#pins;
  }

  /** Those of the reasons that were not added again after that. */
  #notSince(reasons: number, at: number): number {
    let over = 0;
    for (let bit = 0; bit < bits; bit++) {
      if ((reasons & (1 << bit)) !== 0 && (this.#last[bit] as number) < at) over |= 1 << bit;
    }
    return over;
  }

  #isLast(reason: number, name: string, at: number): boolean {
    const names = this.#names.get(reason);
    if (names === undefined || (names.known.get(name) ?? Infinity) > at) return false;
    names.known.delete(name);
    return names.known.size === 0 && !names.unclear;
  }

  #made(reason: number, name: string | undefined): void {
    let names = this.#names.get(reason);
    if (names === undefined) this.#names.set(reason, (names = { known: new Map(), unclear: false }));
    // Who makes so many is not going to drop them one by one.
    if (name === undefined || names.known.size >= 100) names.unclear = true;
    else names.known.set(name, this.#now);
  }

  /** Any other definition may give a temporary table another name. */
  #definition({ target }: Classification): void {
    if (target === undefined && (this.#pins & PinReason.tempObject) !== 0) this.#made(PinReason.tempObject, undefined);
  }
}

const counted: number = PinReason.listen | PinReason.heldCursor | PinReason.tempObject;

const made: ReadonlyMap<string, number> = new Map([
  ['listen', PinReason.listen],
  ['declare', PinReason.heldCursor],
  ['ddl', PinReason.tempObject],
]);

const dropped: ReadonlyMap<string, number> = new Map([
  ['unlisten', PinReason.listen],
  ['close', PinReason.heldCursor],
  ['ddl', PinReason.tempObject],
]);

const untilCommitBit: number = Math.log2(PinReason.tempUntilCommit);
