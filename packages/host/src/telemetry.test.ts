import { describe, expect, it } from 'vitest';
import { hostTelemetry, textLine } from './telemetry.ts';

describe('the log of this machine', () => {
  it('writes nothing below its level', () => {
    for (const format of ['json', 'text'] as const) {
      const lines: string[] = [];
      const { log } = hostTelemetry({ level: 'warn', format, write: (line) => lines.push(line) });
      log.debug('one');
      log.info('two');
      log.warn('three');
      log.with({ a: 1 }).error('four');
      expect(lines).toHaveLength(2);
    }
  });

  it('writes JSON lines with their level, time and message first', () => {
    const lines: string[] = [];
    const { log } = hostTelemetry({ format: 'json', write: (line) => lines.push(line) });
    log.info('started', { port: 5432, level: 'mine', msg: 'mine' });
    expect(lines.join('').replace(/"time":"[^"]+Z"/, '"time":""')).toBe(
      '{"level":"info","time":"","port":5432,"level_":"mine","msg_":"mine","msg":"started"}\n',
    );
  });

  it('writes short lines for people', () => {
    const time = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 67));
    const fields = { pooler: 'p1', waitedMs: 1.5, lsn: 2n ** 40n, text: 'a b="c"', none: undefined, ok: true };
    expect(textLine(time, 'warn', 'the pooler is slow', fields)).toBe(
      '03:04:05.067 warn  the pooler is slow  pooler=p1 waitedMs=1.5 lsn=1099511627776 text="a b=\\"c\\"" ok=true\n',
    );
    expect(textLine(time, 'info', 'bare', {})).toBe('03:04:05.067 info  bare\n');
  });

  it('lets nothing in a message or a field command a terminal or begin a line', () => {
    const line = textLine(new Date(0), 'info', 'a\nb\u001b[2Jc', { text: '\u009b2J\r\n\u2028' });
    expect(line).toMatch(/^[^\p{Cc}\u2028]*\n$/u);
  });

  it('asks the probe nothing in production', () => {
    const { probe } = hostTelemetry({ write: () => undefined });
    expect(probe.maybe('site')).toBe(false);
  });
});
