import { hex, type Clock, type Random, type Span, type TraceContext, type Tracing } from '@multigres/core';
import { redact } from '@multigres/sql';
import type { SessionFields, SessionLog } from './session-log.ts';
import { traceParentOf } from './trace-parent.ts';

/** A group that somebody wants to know more of than that it was there. */
export interface WatchedGroup {
  readonly text: string;
  readonly startMs: number;
  /** Of the span that it will be, if it is traced. */
  readonly trace: TraceContext | undefined;
  readonly parentSpanId: string | undefined;
}

export interface GroupWatchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: SessionLog;
  readonly tracing: Tracing;
}

/**
 * Looks at groups one by one: how long they took, and whether they are part of a trace. There is one only while there is a reason (a threshold for
 * slow statements, somewhere for traces to go): without it, a query pays for none of this.
 */
export class GroupWatch {
  /** Statements that take this long are logged; Infinity: none. */
  readonly slowMs: number;
  readonly #parts: GroupWatchParts;

  constructor(slowMs: number, parts: GroupWatchParts) {
    this.slowMs = slowMs;
    this.#parts = parts;
  }

  /** A group is on its way to the pooler; `text`: of its first statement, if it has one. */
  asked(text: string): WatchedGroup {
    const { clock, tracing } = this.#parts;
    const startMs = clock.nowMs();
    const parent = tracing.isOn ? traceParentOf(text) : undefined;
    const isTraced = tracing.isOn && (parent?.sampled ?? this.#isDrawn(tracing.ratio));
    const trace = isTraced ? { traceId: parent?.traceId ?? this.#id(16), spanId: this.#id(8) } : undefined;
    return { text, startMs, trace, parentSpanId: parent?.spanId };
  }

  /** Its ReadyForQuery is on its way to the client. */
  answered(group: WatchedGroup, who: SessionFields, failed: boolean): void {
    const { clock, log } = this.#parts;
    const durationMs = clock.nowMs() - group.startMs;
    if (durationMs >= this.slowMs) log.slow(who, durationMs, failed, redact(group.text));
    if (group.trace !== undefined) this.#parts.tracing.take(this.#span(group, group.trace, who, durationMs, failed));
  }

  /** Named and described as OpenTelemetry's semantic conventions for database spans say (opentelemetry.io/docs/specs/semconv/database). */
  #span(group: WatchedGroup, trace: TraceContext, who: SessionFields, durationMs: number, failed: boolean): Span {
    const text = redact(group.text);
    const operation = /^\w+/.exec(text)?.[0].toUpperCase();
    const endMs = this.#parts.clock.wallMs();
    return {
      ...trace,
      parentSpanId: group.parentSpanId,
      name: 'gateway.query',
      kind: 'server',
      startMs: endMs - durationMs,
      endMs,
      attributes: {
        'db.system.name': 'postgresql',
        'db.namespace': who.database,
        'db.query.text': text,
        ...(operation !== undefined && { 'db.operation.name': operation }),
        'multigres.session': who.session,
        'multigres.user': who.user,
      },
      ...(failed && { failed: 'error' }),
    };
  }

  #isDrawn(ratio: number): boolean {
    return ratio > 0 && this.#parts.random.fraction() < ratio;
  }

  /** Random and not all zeros. */
  #id(bytes: number): string {
    const id = this.#parts.random.bytes(bytes);
    if (id.every((byte) => byte === 0)) id[0] = 1;
    return hex(id);
  }
}
