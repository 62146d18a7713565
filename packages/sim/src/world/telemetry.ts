import {
  MetricRegistry,
  noTracing,
  type Log,
  type LogFields,
  type LogLevel,
  type Metrics,
  type Telemetry,
} from '@multigres/core';
import type { Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import { RandomStream } from '../kernel/random-stream.ts';

/** Named moments: what faults can be triggered by, and what coverage counts. */
export class Moments {
  /** What the nodes have logged; only when the trace keeps lines. */
  readonly logged: LoggedLine[] = [];
  /** How often each rare state was reached. */
  readonly reached: Map<string, number> = new Map();
  /** The metrics of each life, in the order in which they began. */
  readonly metrics: { readonly life: Life; readonly metrics: Metrics }[] = [];
  readonly #kernel: Kernel;
  readonly #listeners: ((id: string, node: string) => void)[] = [];
  readonly #armed = new Map<string, RandomStream | false>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  on(listener: (id: string, node: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Is told before those that asked with `on`: what they name by aliases is up to date. */
  before(listener: (id: string, node: string) => void): void {
    this.#listeners.unshift(listener);
  }

  /** This moment has come, at this node. */
  mark(id: string, node: string): void {
    this.reached.set(id, (this.reached.get(id) ?? 0) + 1);
    for (const listener of this.#listeners) listener(id, node);
  }

  /** A site is armed in a quarter of the runs and then fires a quarter of the time (FoundationDB's "buggify"). */
  maybe(site: string): boolean {
    let dice = this.#armed.get(site);
    if (dice === undefined) {
      const stream = this.#kernel.random.fork(`maybe/${site}`);
      dice = stream.chance(0.25) ? stream : false;
      this.#armed.set(site, dice);
    }
    return dice !== false && dice.chance(0.25);
  }
}

/** A line of a log, kept when the trace keeps lines. */
export interface LoggedLine {
  readonly node: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Log lines become part of the trace; probes ask the run's dice. */
export function simTelemetry(kernel: Kernel, moments: Moments, life: Life): Telemetry {
  const metrics = new MetricRegistry();
  moments.metrics.push({ life, metrics });
  return {
    metrics,
    tracing: noTracing,
    log: new SimLog(kernel, moments, life, {}),
    probe: {
      maybe: (site) => moments.maybe(site),
      sometimes: (id, condition = true) => {
        if (condition) moments.mark(id, life.name);
      },
    },
  };
}

class SimLog implements Log {
  readonly #kernel: Kernel;
  readonly #moments: Moments;
  readonly #life: Life;
  readonly #fields: LogFields;

  constructor(kernel: Kernel, moments: Moments, life: Life, fields: LogFields) {
    this.#kernel = kernel;
    this.#moments = moments;
    this.#life = life;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields);
  }

  with(fields: LogFields): Log {
    return new SimLog(this.#kernel, this.#moments, this.#life, { ...this.#fields, ...fields });
  }

  #line(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const { trace, nowUs } = this.#kernel;
    trace.noteText(message);
    if (!trace.keepsLines) return;
    const all = definedFields({ ...this.#fields, ...fields });
    this.#moments.logged.push({ node: this.#life.name, level, message, fields: all });
    trace.line(nowUs, this.#life.node, () => `${level} ${message}${fieldsText(all)}`);
  }
}

function definedFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('');
}
