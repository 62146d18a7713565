import type { LoggedLine } from '../contract/contract-test.ts';
import { MetricRegistry } from '../../metrics/metric-registry.ts';
import type { Metrics } from '../metrics.ts';
import type { Span, Tracing } from '../tracing.ts';
import type { Log, LogFields, LogLevel, Probe, Telemetry } from '../telemetry.ts';

class QuietLog implements Log {
  readonly #lines: LoggedLine[];
  readonly #fields: LogFields;

  constructor(lines: LoggedLine[], fields: LogFields) {
    this.#lines = lines;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#add('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#add('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#add('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#add('error', message, fields);
  }

  with(fields: LogFields): Log {
    return new QuietLog(this.#lines, { ...this.#fields, ...fields });
  }

  #add(level: LogLevel, message: string, fields?: LogFields): void {
    const given = Object.entries({ ...this.#fields, ...fields }).filter(([, value]) => value !== undefined);
    this.#lines.push({ level, message, fields: Object.fromEntries(given) });
  }
}

class QuietProbe implements Probe {
  readonly #reached: Set<string>;

  constructor(reached: Set<string>) {
    this.#reached = reached;
  }

  maybe(): boolean {
    return false;
  }

  sometimes(id: string, condition = true): void {
    if (condition) this.#reached.add(id);
  }
}

class QuietTracing implements Tracing {
  isOn = false;
  ratio = 0;
  readonly spans: Span[] = [];

  take(span: Span): void {
    this.spans.push(span);
  }
}

export class QuietTelemetry implements Telemetry {
  readonly lines: LoggedLine[] = [];
  readonly reached: Set<string> = new Set();
  readonly log: Log = new QuietLog(this.lines, {});
  readonly probe: Probe = new QuietProbe(this.reached);
  readonly metrics: Metrics = new MetricRegistry();
  readonly tracing: QuietTracing = new QuietTracing();
}
