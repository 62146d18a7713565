import {
  hex,
  ticksMs,
  type Clock,
  type Random,
  type Span,
  type TraceContext,
  type Tracing,
  type World,
} from '@multigres/core';
import type { Group } from '../backend/group.ts';

/** That a group is part of a trace: the span of the gateway around it, and when the group came. */
export interface GroupTrace extends TraceContext {
  readonly askedTick: number;
}

/** Makes the pooler's two spans of a group that is part of a trace: how long it waited, and how long Postgres had it. */
export class GroupTracer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tracing: Tracing;

  constructor(world: World) {
    this.#clock = world.clock;
    this.#random = world.random.fork('traces');
    this.#tracing = world.telemetry.tracing;
  }

  /** ReadyForQuery of the group came at `tick`. */
  finished(group: Group, trace: GroupTrace, tick: number): void {
    if (!this.#tracing.isOn) return;
    const endMs = this.#clock.wallMs();
    const headMs = endMs - ticksMs(group.headTick, tick);
    const askedMs = endMs - ticksMs(trace.askedTick, tick);
    const mode = group.shared ? 'shared' : 'leased';
    const common = { traceId: trace.traceId, parentSpanId: trace.spanId };
    const queued: Span = {
      ...common,
      spanId: this.#id(),
      name: 'pooler.queue',
      kind: 'internal',
      startMs: askedMs,
      endMs: headMs,
      attributes: { 'multigres.line_ms': ticksMs(group.sentTick, group.headTick) },
    };
    const executed: Span = {
      ...common,
      spanId: this.#id(),
      name: 'postgres.execute',
      kind: 'client',
      startMs: headMs,
      endMs,
      attributes: { 'db.system.name': 'postgresql', 'multigres.mode': mode },
      ...(group.failed && { failed: 'error' }),
    };
    this.#tracing.take(queued);
    this.#tracing.take(executed);
  }

  /** Random and not all zeros. */
  #id(): string {
    const id = this.#random.bytes(8);
    if (id.every((byte) => byte === 0)) id[0] = 1;
    return hex(id);
  }
}
