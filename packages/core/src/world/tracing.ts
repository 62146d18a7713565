/** What a span belongs to, as W3C Trace Context has it (w3.org/TR/trace-context): lower-case hexadecimal, never all zeros. */
export interface TraceContext {
  /** 32 digits. */
  readonly traceId: string;
  /** 16 digits: the span around what is to come. */
  readonly spanId: string;
}

/** Something that took time, and is over. */
export interface Span extends TraceContext {
  /** The span around it; undefined for the first of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** `server`: it was asked for by somebody outside; `client`: it asked another server; else `internal`. */
  readonly kind: 'server' | 'client' | 'internal';
  /** Milliseconds since 1970, fractional. */
  readonly startMs: number;
  readonly endMs: number;
  /** Named as in OpenTelemetry's semantic conventions for databases. Never a literal of a statement. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** The SQLSTATE or another short reason, if it failed. */
  readonly failed?: string;
}

/** Where spans go. In production an exporter with a bounded queue, if one is configured; taking a span never waits and never fails. */
export interface Tracing {
  /** Whether anybody wants spans; if not, none should be made. */
  readonly isOn: boolean;
  /** The share of statements to trace that do not bring a trace along, 0 to 1. */
  readonly ratio: number;
  take(span: Span): void;
}

/** Nobody wants spans. */
export const noTracing: Tracing = { isOn: false, ratio: 0, take: () => undefined };
