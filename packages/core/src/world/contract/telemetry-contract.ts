import { seriesMax, type Labels, type Metrics, type Sample } from '../metrics.ts';
import type { LogLevel } from '../telemetry.ts';
import type { ContractTest, ContractTools } from './contract-test.ts';
import { expect, expectSame, expectThrows } from './expect.ts';

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The lines of this test: worlds may log of their own accord. */
const linesOf = (tools: ContractTools, prefix: string): ReturnType<ContractTools['lines']> =>
  tools.lines().filter((line) => line.message.startsWith(prefix));

function samplesOf(metrics: Metrics, name: string): readonly Sample[] {
  return metrics.families().find((family) => family.name === name)?.samples ?? [];
}

const valuesOf = (metrics: Metrics, name: string): readonly (readonly [Labels, number])[] =>
  samplesOf(metrics, name).map(({ labels, value }) => [labels, value] as const);

export const telemetryContract: readonly ContractTest[] = [
  {
    name: 'a line has its level, its message and its fields, in the order of logging',
    async run({ telemetry }, tools): Promise<void> {
      for (const level of levels) telemetry.log[level](`contract ${level}`, { number: 1, text: 'a', yes: true });
      telemetry.log.info('contract bare');
      const lines = linesOf(tools, 'contract');
      expectSame(
        lines.map((line) => [line.level, line.message]),
        [...levels.map((level) => [level, `contract ${level}`]), ['info', 'contract bare']],
        'the lines',
      );
      for (const line of lines.slice(0, 4)) {
        expectSame([line.fields['number'], line.fields['text'], line.fields['yes']], [1, 'a', true], 'the fields');
      }
    },
  },
  {
    name: 'with adds its fields to every line of the new log and to no other; the innermost wins',
    async run({ telemetry }, tools): Promise<void> {
      const child = telemetry.log.with({ cell: 'one', shard: 1 }).with({ shard: 2 });
      child.warn('contract child', { extra: 3 });
      child.info('contract own', { shard: 4 });
      telemetry.log.info('contract parent');
      const [first, second, third] = linesOf(tools, 'contract');
      expectSame([first?.fields['cell'], first?.fields['shard'], first?.fields['extra']], ['one', 2, 3], 'the child');
      expectSame([second?.fields['cell'], second?.fields['shard']], ['one', 4], 'the field of the line');
      expectSame([third?.fields['cell'], third?.fields['shard']], [undefined, undefined], 'the parent');
    },
  },
  {
    name: 'fields that are undefined are left out, and big integers keep all their digits',
    async run({ telemetry }, tools): Promise<void> {
      telemetry.log.info('contract fields', { none: undefined, lsn: 2n ** 63n });
      const line = linesOf(tools, 'contract')[0];
      expect(line !== undefined && !('none' in line.fields), 'the undefined field is left out');
      expectSame(String(line.fields['lsn']), '9223372036854775808', 'the big integer');
    },
  },
  {
    name: 'a message of several lines, or with any character, stays one line of the log',
    async run({ telemetry }, tools): Promise<void> {
      const message = 'contract "a"\nb\r\u2028 \u0000 \ud800 é';
      telemetry.log.error(message, { text: '{"x":\n1}' });
      const lines = linesOf(tools, 'contract');
      expectSame(lines.length, 1, 'how many lines');
      expect(lines[0]?.message.startsWith('contract "a"\nb') === true, 'the message came through');
      expectSame(lines[0]?.fields['text'], '{"x":\n1}', 'the field');
    },
  },
  {
    name: 'the probe may be asked and told anything, and changes nothing by that',
    async run({ telemetry }): Promise<void> {
      for (let i = 0; i < 20; i++)
        expect(typeof telemetry.probe.maybe(`site ${i}`) === 'boolean', 'maybe answers yes or no');
      telemetry.probe.sometimes('state');
      telemetry.probe.sometimes('state', false);
    },
  },
  {
    name: 'a counter starts at nothing and adds up; asking for it again answers the same one',
    async run({ telemetry: { metrics } }): Promise<void> {
      const counter = metrics.counter('contract_things_total', 'Things.', { kind: 'a' });
      expectSame(counter.value, 0, 'the start');
      counter.add();
      metrics.counter('contract_things_total', 'Things.', { kind: 'a' }).add(2 ** 40);
      metrics.counter('contract_things_total', 'Things.', { kind: 'b' }).add(0);
      expectSame(counter.value, 2 ** 40 + 1, 'the value');
      const values = valuesOf(metrics, 'contract_things_total');
      expectSame(values, [[{ kind: 'a' }, 2 ** 40 + 1], [{ kind: 'b' }, 0]], 'the series'); // prettier-ignore
    },
  },
  {
    name: 'counters by a label are there as a name at once, and as series when they are first asked for',
    async run({ telemetry: { metrics } }): Promise<void> {
      const bySqlstate = metrics.counters('contract_errors_total', 'Errors.', 'sqlstate');
      expect(
        metrics.families().some(({ name }) => name === 'contract_errors_total'),
        'the name is known',
      );
      expectSame(valuesOf(metrics, 'contract_errors_total'), [], 'no series yet');
      for (const value of ['57014', '53300', '57014']) bySqlstate(value).add();
      metrics.counter('contract_errors_total', 'Errors.', { sqlstate: '53300' }).add();
      const wanted = [[{ sqlstate: '57014' }, 2], [{ sqlstate: '53300' }, 2]]; // prettier-ignore
      expectSame(valuesOf(metrics, 'contract_errors_total'), wanted, 'the series');
      for (let i = 0; i < 3 * seriesMax; i++) bySqlstate(`x${i}`).add();
      expectSame(samplesOf(metrics, 'contract_errors_total').length, seriesMax, 'how many series there may be');
    },
  },
  {
    name: 'a gauge is set or moved either way; what is observed is asked for at every reading, and equal labels add up',
    async run({ telemetry: { metrics } }): Promise<void> {
      const gauge = metrics.gauge('contract_level', 'A level.');
      gauge.set(5);
      gauge.add(-7.5);
      expectSame(valuesOf(metrics, 'contract_level'), [[{}, -2.5]], 'the gauge');
      let now = 1;
      for (let i = 0; i < 2; i++) {
        metrics.observe('gauge', 'contract_seen', 'Seen.', (report) => {
          report(now, { who: 'both' });
          report(now, { who: `reader ${i}` });
        });
      }
      now = 3;
      const wanted = [[{ who: 'both' }, 6], [{ who: 'reader 0' }, 3], [{ who: 'reader 1' }, 3]]; // prettier-ignore
      expectSame(valuesOf(metrics, 'contract_seen'), wanted, 'what is observed');
      now = 4;
      expectSame(valuesOf(metrics, 'contract_seen')[0]?.[1], 8, 'observed again');
    },
  },
  {
    name: 'a histogram counts durations by bucket and knows their sum',
    async run({ telemetry: { metrics } }): Promise<void> {
      const histogram = metrics.histogram('contract_wait_seconds', 'Waits.');
      for (const ms of [0, 1, 1, 250, 1e9, -1, Number.NaN]) histogram.recordMs(ms);
      expectSame([histogram.count, Math.round(histogram.sumSeconds)], [7, 1_000_000], 'count and sum');
      const [sample] = samplesOf(metrics, 'contract_wait_seconds');
      const filled = sample?.buckets?.filter((count) => count > 0);
      expectSame(filled, [3, 2, 1, 1], 'the buckets that hold something');
      expect(sample?.buckets?.at(-1) === 1, 'what is longer than every bound is in the last bucket');
      const median = histogram.quantileSeconds(0.5);
      expect(median > 0.0007 && median <= 0.001_024, `the median is about a millisecond, not ${median}`);
    },
  },
  {
    name: 'a name of another type, with other labels, or that Prometheus does not take is refused',
    async run({ telemetry: { metrics } }): Promise<void> {
      metrics.counter('contract_taken_total', 'Taken.', { kind: 'a' });
      expectThrows(() => metrics.counter('contract_taken_total', 'Taken.'), 'without the label');
      expectThrows(() => metrics.counter('contract_taken_total', 'Taken.', { other: 'a' }), 'another label');
      metrics.gauge('contract_gauge_seconds', 'A gauge.');
      expectThrows(() => metrics.histogram('contract_gauge_seconds', 'A gauge.'), 'another type');
      expectThrows(() => metrics.counter('contract_things', 'No _total.'), 'a counter without _total');
      expectThrows(() => metrics.gauge('contract-things', 'A dash.'), 'a dash');
      expectThrows(() => metrics.gauge('contract_le', 'Reserved.', { le: '1' }), 'the label of buckets');
    },
  },
  {
    name: 'more series than a name may have share one that says other',
    async run({ telemetry: { metrics } }): Promise<void> {
      for (let i = 0; i < 3 * seriesMax; i++) metrics.counter('contract_users_total', '', { user: `u${i}` }).add();
      metrics.observe('gauge', 'contract_users', '', (report) => {
        for (let i = 0; i < 3 * seriesMax; i++) report(1, { user: `u${i}` });
      });
      for (const name of ['contract_users_total', 'contract_users']) {
        const values = valuesOf(metrics, name);
        expectSame(values.length, seriesMax, `series of ${name}`);
        expectSame(values.at(-1), [{ user: 'other' }, 2 * seriesMax + 1], `the rest of ${name}`);
      }
    },
  },
];
