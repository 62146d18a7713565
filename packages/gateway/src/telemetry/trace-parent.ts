import type { TraceContext } from '@multigres/core';

/** What a client says of the trace that its statement belongs to. */
export interface TraceParent extends TraceContext {
  /** Whether the client records it; if not, nobody behind it should. */
  readonly sampled: boolean;
}

const pattern = /traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})'/;
const zeros = /^0+$/;
/** The comment is at one end of the text; looking through all of a long one would take time. */
const lookedAt = 1000;

/**
 * The W3C trace context in a comment of the statement, as sqlcommenter's libraries write it: `... /*traceparent='00-<trace>-<span>-<flags>'*\/`
 * (google.github.io/sqlcommenter/spec, w3.org/TR/trace-context). Undefined if there is none, or one that means nothing.
 */
export function traceParentOf(text: string): TraceParent | undefined {
  if (!text.includes("traceparent='")) return undefined;
  const match = pattern.exec(text.slice(-lookedAt)) ?? pattern.exec(text.slice(0, lookedAt));
  if (match === null) return undefined;
  const [, traceId, spanId, flags] = match as unknown as readonly [string, string, string, string];
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
