import {
  MetricRegistry,
  noTracing,
  type Log,
  type LogFields,
  type LogLevel,
  type Probe,
  type Telemetry,
} from '@multigres/core';
import pino from 'pino';
import { OtlpExporter, type TraceOptions } from './tracing/otlp-exporter.ts';

export interface LogOptions {
  /** The lowest level that is written; default `info`. */
  readonly level?: LogLevel;
  /** JSON lines for machines, short text for people; default `text` if standard error is a terminal. */
  readonly format?: 'json' | 'text';
  /** Takes each line, with its end, instead of standard error. */
  readonly write?: (line: string) => void;
}

interface Sink {
  readonly isEnabled: (level: LogLevel) => boolean;
  readonly put: (level: LogLevel, message: string, fields: LogFields) => void;
}

class HostLog implements Log {
  readonly #sink: Sink;
  readonly #fields: LogFields;

  constructor(sink: Sink, fields: LogFields) {
    this.#sink = sink;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#put('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#put('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#put('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#put('error', message, fields);
  }

  with(fields: LogFields): Log {
    return new HostLog(this.#sink, { ...this.#fields, ...fields });
  }

  #put(level: LogLevel, message: string, fields?: LogFields): void {
    if (this.#sink.isEnabled(level)) this.#sink.put(level, message, { ...this.#fields, ...fields });
  }
}

/** Names that every JSON line has of its own. */
const reserved: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

interface Adjustable {
  readonly sink: Sink;
  readonly setLogLevel: (level: LogLevel) => void;
}

function jsonSink(level: LogLevel, write: (line: string) => void): Adjustable {
  const formatters = { level: (label: string): object => ({ level: label }) };
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, { write });
  const sink: Sink = {
    isEnabled: (asked) => logger.isLevelEnabled(asked),
    put: (asked, message, fields) => {
      const written: Record<string, string | number | boolean> = {};
      for (const [name, value] of Object.entries(fields)) {
        if (value === undefined) continue;
        written[reserved.has(name) ? `${name}_` : name] = typeof value === 'bigint' ? String(value) : value;
      }
      logger[asked](written, message);
    },
  };
  return {
    sink,
    setLogLevel: (next) => {
      logger.level = next;
    },
  };
}

/** As it is if it is harmless, else quoted as in JSON. Control characters could move the cursor of whoever reads the log. */
function quoted(text: string, harmless: RegExp): string {
  return harmless.test(text) ? text : JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, ' ');
}

/** `12:03:04.512 warn  the pooler is slow  pooler=p1 waitedMs=512` */
export function textLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const parts = [
    `${time.toISOString().slice(11, 23)} ${level.padEnd(5)} ${quoted(message, /^[^\p{Cc}\u2028\u2029]*$/u)}`,
  ];
  const named = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (named.length > 0) {
    parts.push(named.map(([name, value]) => `${name}=${quoted(String(value), /^[^\p{Cc}\p{Z}"=]+$/u)}`).join(' '));
  }
  return `${parts.join('  ')}\n`;
}

const order: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

function textSink(level: LogLevel, write: (line: string) => void): Adjustable {
  let lowest = order[level];
  const sink: Sink = {
    isEnabled: (asked) => order[asked] >= lowest,
    put: (asked, message, fields) => write(textLine(new Date(), asked, message, fields)),
  };
  return {
    sink,
    setLogLevel: (next) => {
      lowest = order[next];
    },
  };
}

/**
 * Writes in the background and never makes the caller wait. What a stuck reader leaves unwritten is kept up to 16 MiB, then dropped;
 * the rest is written when the process ends.
 */
function standardError(): (line: string) => void {
  const destination = pino.destination({ dest: 2, sync: false, maxLength: 16 << 20 });
  // Somebody closed our standard error: there is nobody left to tell.
  destination.on('error', () => undefined);
  process.on('exit', () => {
    try {
      destination.flushSync();
    } catch {
      // As above.
    }
  });
  return (line) => void destination.write(line);
}

/** In production nothing misbehaves on purpose and nobody counts rare states: two calls of empty functions. */
export const noProbe: Probe = { maybe: () => false, sometimes: () => undefined };

/** The real telemetry; its level may be changed while the process runs. */
export interface HostTelemetry extends Telemetry {
  /** From now on the lowest level that is written. */
  setLogLevel(level: LogLevel): void;
}

export function hostTelemetry(options: LogOptions = {}, traces?: TraceOptions): HostTelemetry {
  const write = options.write ?? standardError();
  const format = options.format ?? (process.stderr.isTTY ? 'text' : 'json');
  const metrics = new MetricRegistry();
  const tracing = traces === undefined ? noTracing : new OtlpExporter(traces, metrics);
  const { sink, setLogLevel } = (format === 'text' ? textSink : jsonSink)(options.level ?? 'info', write);
  return { log: new HostLog(sink, {}), probe: noProbe, metrics, tracing, setLogLevel };
}
