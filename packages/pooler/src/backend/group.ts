import type { PgReport } from '@multigres/core';
import type { DurationHistory } from '../statement/duration-history.ts';
import type { Result } from '../statement/statement-results.ts';
import type { Statement, StatementUse } from '../statement/statement-table.ts';
import type { GroupTrace } from '../telemetry/group-tracer.ts';
import type { PreparedStatement } from './prepared-statements.ts';

/** Whom a group's replies belong to: a session, or the pooler itself. */
export interface GroupOwner {
  /** Reply bytes, in order, valid only during the call. `ready` describes the group's end if they end with its ReadyForQuery. */
  replied(
    group: Group,
    buffer: Uint8Array,
    start: number,
    end: number,
    ready: GroupEnd | undefined,
    /** The bytes end inside a message. */
    partial: boolean,
  ): void;
  /** Postgres ignored the end of the group (`Group.ignoresEnd`): it goes on, with what was `absorbed` if that was sent already. */
  syncIgnored(group: Group, absorbed: Group | undefined): void;
  /** The group will not be answered: the backend is gone, and the group was not part of a session's lease. */
  groupLost(group: Group, fatal: PgReport | undefined): void;
  /** What it takes a statement to answer, if it prepares any. Undefined: it was told nothing. */
  expectedResult?(statement: Statement): Result | undefined;
  /** It prepares the statement, which answers this; undefined while nobody knows. */
  statementPrepared?(statement: Statement, result: Result | undefined): void;
}

export interface GroupEnd {
  readonly status: 'I' | 'T' | 'E';
  readonly failed: boolean;
  /** ParseComplete and CloseComplete messages that the client got in this group. */
  readonly completions: number;
  /** It failed before anything of it was executed. */
  readonly ranNothing: boolean;
}

/** A description of a statement that Postgres was asked for unseen. */
export interface Description {
  readonly prepared: PreparedStatement;
  /** The group's owner prepares it here and now. */
  readonly isOwners: boolean;
  /** The client is owed a ParseComplete for it. */
  readonly answersParse: boolean;
  /** The owner relies on this result; any other makes it fail. */
  readonly expected: Result | undefined;
  /** The client does not ask for the same next, of which it would hear the first half before an error. */
  readonly isUnasked: boolean;
}

/** One ParseComplete or CloseComplete that Postgres will send, and what becomes of it. */
export interface ScriptStep {
  readonly forward: 'asItIs' | 'asParseComplete' | 'swallowed';
  /** The carried statement that this reply is about, and whether the backend has it afterwards. */
  readonly prepared?: PreparedStatement;
  readonly presentAfter?: boolean;
  /** It shows that everything before the Query that ends the group went well. */
  readonly beforeQuery?: boolean;
  /** What follows it is this. */
  readonly description?: Description;
}

/**
 * What one ReadyForQuery answers: a Query, a FunctionCall, or extended-protocol messages up to their Sync. Groups stand in line at their backend;
 * the bytes that arrive belong to the one at the head.
 */
export class Group {
  readonly owner: GroupOwner;
  /** Runs between other sessions' groups; can be run again elsewhere as long as nothing was delivered. */
  readonly shared: boolean;
  /** Ended by Query or FunctionCall, not by Sync. */
  simple = false;
  /** Of the gateway's or the pooler's own making: the client hears none of its replies. */
  unseen = false;
  /** Something of it has been sent. */
  begun = false;
  /** All its messages have been sent. */
  ended = false;
  /** Opened by COPY data that may belong to the group before it, and so may never be answered. */
  provisional = false;
  copyEndSeen = false;
  /** Postgres has asked for COPY data. */
  copyIn = false;
  /** Extended-protocol messages stand before the Query that ends it, and are not known to have gone well. */
  queryInDoubt = false;
  /** One of those failed: Postgres skips everything, Query included, to the next Sync. */
  skipsToSync = false;
  /** When it was sent, and when it came to the head of the line; see TurnClock. */
  sentTick = 0;
  headTick = 0;
  /** Only while somebody records it. */
  trace: GroupTrace | undefined;
  failed = false;
  /** It was told that the outcome is unknown: nothing else of its answer is told but the end. */
  muted = false;
  /** It failed because of its text, before anything of it was executed. */
  ranNothing = false;
  delivered = false;
  /** Of its answer, that its owner was told. */
  deliveredBytes = 0;
  completions = 0;
  /** ParseComplete messages owed before anything else of this group. */
  leadingParseCompletes = 0;
  /** A cancel was asked for this group; sent when it is at the head. */
  cancelAsked = false;
  cancelSent = false;
  /** A cancel meant for a group before it was under way while it stood in line: the signal may still reach this one. */
  cancelMayHit = false;
  /** It was hit by a cancel meant for its predecessor: its replies are dropped and it runs again. */
  rerun = false;
  /** It stood behind a slow reader and runs elsewhere already; here its replies are dropped. */
  evacuated = false;
  /** It runs for the second time; there is no third. */
  ranBefore = false;
  /** The request, to be run again; only for shared groups. */
  replay: { readonly flags: number; readonly uses: readonly StatementUse[]; readonly bytes: Uint8Array } | undefined;
  /** Of its text; only for shared groups. */
  history: DurationHistory | undefined;
  /** Its replies waited for a slow reader: how long it took says nothing. */
  wasHeldBack = false;
  /** A statement that it runs, and for which time since the statement was prepared there. */
  runs: PreparedStatement | undefined;
  run = 0;
  /** What Postgres describes now, before it goes on with what the client sees. */
  describing: Description | undefined;
  /** A statement answers something else than the owner relies on: the next error says so. */
  resultChanged = false;
  /** A ParameterDescription that is told with what follows it. */
  parameters: Uint8Array | undefined;
  #script: ScriptStep[] | undefined;
  #scriptAt = 0;

  constructor(owner: GroupOwner, shared: boolean) {
    this.owner = owner;
    this.shared = shared;
  }

  /** From now on each ParseComplete and CloseComplete has its step. Without any step, all are the client's. */
  expect(step: ScriptStep): void {
    this.#script ??= [];
    this.#script.push(step);
    if (step.beforeQuery === true) this.queryInDoubt = true;
    if (step.prepared !== undefined) step.prepared.pending += 1;
  }

  get hasScript(): boolean {
    return this.#script !== undefined;
  }

  /** The step of the ParseComplete or CloseComplete that just came; undefined: the client's own. */
  nextStep(isParse: boolean): ScriptStep | undefined {
    if (this.#script === undefined) return undefined;
    // A Close of the pooler's own in the middle of a COPY: all that Postgres answered is that error.
    if (isParse && this.#script[this.#scriptAt]?.presentAfter === false) this.nextStep(false);
    const step = this.#script[this.#scriptAt];
    this.#scriptAt += 1;
    if (step?.beforeQuery === true) this.queryInDoubt = false;
    if (step?.prepared !== undefined) {
      step.prepared.pending -= 1;
      step.prepared.present = step.presentAfter === true;
    }
    this.describing = step?.description;
    return step;
  }

  /** After an error Postgres skips to Sync; and a lost backend answers nothing more: the remaining steps will not happen. */
  abandonScript(): void {
    this.describing = undefined;
    if (this.#script === undefined) return;
    for (; this.#scriptAt < this.#script.length; this.#scriptAt++) {
      const prepared = this.#script[this.#scriptAt]?.prepared;
      if (prepared !== undefined) prepared.pending -= 1;
    }
  }

  /** Whether Postgres overlooks the end that the client sends: Sync while COPY data are to come, Query after an error without Sync. */
  ignoresEnd(simple: boolean): boolean {
    return simple ? this.skipsToSync : this.waitsForCopy;
  }

  /** Postgres has asked for data and has not seen their end. */
  get waitsForCopy(): boolean {
    return this.copyIn && !this.copyEndSeen;
  }

  /** Takes over what was sent after an end that Postgres ignored. */
  absorb(next: Group): void {
    if (next.#script !== undefined) {
      this.#script ??= [];
      this.#script.push(...next.#script);
    }
    this.ended = next.ended;
    this.simple = next.simple;
    this.copyEndSeen ||= next.copyEndSeen;
    this.cancelAsked ||= next.cancelAsked;
  }
}
