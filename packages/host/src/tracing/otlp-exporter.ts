import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Counter, Metrics, Span, Tracing } from '@multigres/core';
import { otlpRequest } from './otlp-request.ts';

export interface TraceOptions {
  /** Where an OpenTelemetry collector takes OTLP by HTTP, e.g. `http://127.0.0.1:4318`; `/v1/traces` is added where there is no path. */
  readonly endpoint: string;
  /** See `Tracing.ratio`. */
  readonly ratio: number;
  /** `service.name` of our spans. */
  readonly service: string;
}

const queueMax = 4096;
const batchMax = 512;
const lingerMs = 1_000;
const answerMs = 5_000;

/**
 * Sends spans to an OpenTelemetry collector: OTLP by HTTP in its JSON encoding (opentelemetry.io/docs/specs/otlp). One request at a time, and a
 * queue of at most 4096 spans behind it; what does not fit, and what the collector does not take, is dropped and counted, never tried again: a trace is not
 * worth a query's time.
 *
 * Why not @opentelemetry's own exporter: 28 MB of packages and 21 MB of memory in each process for one POST.
 */
export class OtlpExporter implements Tracing {
  readonly isOn = true;
  readonly ratio: number;
  readonly #url: URL;
  readonly #service: string;
  readonly #exported: Counter;
  readonly #dropped: Counter;
  readonly #failed: Counter;
  #queue: Span[] = [];
  #busy = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TraceOptions, metrics: Metrics) {
    this.ratio = options.ratio;
    this.#service = options.service;
    this.#url = new URL(options.endpoint);
    if (this.#url.pathname === '/') this.#url.pathname = '/v1/traces';
    const help =
      'Spans of traces. outcome: exported, dropped (the queue was full), failed (the collector did not take them).';
    const spans = (outcome: string): Counter => metrics.counter('multigres_trace_spans_total', help, { outcome });
    this.#exported = spans('exported');
    this.#dropped = spans('dropped');
    this.#failed = spans('failed');
  }

  take(span: Span): void {
    if (this.#queue.length >= queueMax) return this.#dropped.add();
    this.#queue.push(span);
    if (this.#queue.length >= batchMax) return this.#send();
    this.#timer ??= setTimeout(() => this.#send(), lingerMs).unref();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#busy || this.#queue.length === 0) return;
    this.#busy = true;
    const batch = this.#queue.splice(0, batchMax);
    void this.#post(otlpRequest(this.#service, batch)).then((taken) => {
      (taken ? this.#exported : this.#failed).add(batch.length);
      this.#busy = false;
      if (this.#queue.length >= batchMax) this.#send();
      else if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#send(), lingerMs).unref();
    });
  }

  /** Whether the collector took it. Never rejects. */
  #post(body: string): Promise<boolean> {
    const request = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const asked = request(this.#url, { method: 'POST', headers, signal: AbortSignal.timeout(answerMs) }, (answer) => {
        answer.resume();
        answer.on('error', () => resolve(false));
        answer.on('end', () => resolve(answer.statusCode !== undefined && answer.statusCode < 300));
      });
      asked.on('error', () => resolve(false));
      asked.end(body);
    });
  }
}
