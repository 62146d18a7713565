import {
  currvalNotDefined,
  lastvalNotDefined,
  notASequence,
  permissionDenied,
  readOnlyTransaction,
  sequenceExhausted,
  sequenceOutOfBounds,
  undefinedRelation,
} from '../errors.ts';
import type { Relation } from '../storage/relation.ts';
import { sequenceLogAhead } from '../storage/store.ts';
import type { Session } from './session.ts';

const greatest = 2n ** 63n - 1n;

/** What a session remembers of sequences; the sequences themselves are shared and never roll back. */
export class Sequences {
  readonly #session: Session;
  readonly #current: Map<number, bigint> = new Map();
  #lastUsed: number | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  next(name: string): bigint {
    const relation = this.find(name);
    this.#refuseOthers(relation);
    if (!relation.temporary) this.#refuseReadOnly('nextval()');
    return this.nextOf(relation);
  }

  nextOf(relation: Relation): bigint {
    const state = this.#state(relation);
    const value = state.called ? state.last + 1n : state.last;
    if (value > greatest) throw sequenceExhausted(relation.shape.name, greatest);
    state.last = value;
    state.called = true;
    // As in Postgres 32 values are logged ahead, counted from the last record.
    if (!relation.temporary && (value - 1n) % sequenceLogAhead === 0n)
      this.#log(relation, value + sequenceLogAhead, true);
    this.#current.set(relation.oid, value);
    this.#lastUsed = relation.oid;
    return value;
  }

  current(name: string): bigint {
    const relation = this.find(name);
    const value = this.#current.get(relation.oid);
    if (value === undefined) throw currvalNotDefined(relation.shape.name);
    return value;
  }

  last(): bigint {
    const value = this.#lastUsed === undefined ? undefined : this.#current.get(this.#lastUsed);
    if (value === undefined) throw lastvalNotDefined();
    return value;
  }

  set(name: string, value: bigint, called: boolean): void {
    const relation = this.find(name);
    this.#refuseOthers(relation);
    if (!relation.temporary) this.#refuseReadOnly('setval()');
    if (value < 1n) throw sequenceOutOfBounds(relation.shape.name, value, greatest);
    const state = this.#state(relation);
    state.last = value;
    state.called = called;
    this.#log(relation, called ? value + sequenceLogAhead : value, called);
    if (called) this.#current.set(relation.oid, value);
  }

  /** DISCARD SEQUENCES. */
  forget(): void {
    this.#current.clear();
    this.#lastUsed = undefined;
  }

  #refuseReadOnly(what: string): void {
    if (this.#session.readOnly) throw readOnlyTransaction(what);
  }

  #refuseOthers(relation: Relation): void {
    if (!this.#session.mayUse(relation)) throw permissionDenied('sequence', relation.shape.name);
  }

  #state(relation: Relation): { last: bigint; called: boolean } {
    return relation.sequence as { last: bigint; called: boolean };
  }

  #log(relation: Relation, last: bigint, called: boolean): void {
    if (relation.temporary) return;
    const { database, host } = this.#session;
    host.store.record({ kind: 'sequence', database, oid: relation.oid, last, called });
  }

  /** 42P01 if there is none, 42809 if it is something else. */
  find(name: string, position?: number): Relation {
    const parts = name.split('.').map((part) => (part.startsWith('"') ? part.slice(1, -1) : part.toLowerCase()));
    const found = this.#session.findRelation(parts.length > 1 ? parts[0] : undefined, parts.at(-1) as string);
    if (found === undefined) throw undefinedRelation(name, position);
    if (found.relation.shape.kind !== 'sequence') throw notASequence(name);
    return found.relation;
  }
}
