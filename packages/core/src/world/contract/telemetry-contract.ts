import type { LogLevel } from '../telemetry.ts';
import type { ContractTest, ContractTools } from './contract-test.ts';
import { expect, expectSame } from './expect.ts';

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The lines of this test: worlds may log of their own accord. */
const linesOf = (tools: ContractTools, prefix: string): ReturnType<ContractTools['lines']> =>
  tools.lines().filter((line) => line.message.startsWith(prefix));

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
];
