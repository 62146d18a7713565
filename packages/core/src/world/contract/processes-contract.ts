import type { Child, Exit } from '../processes.ts';
import type { World } from '../world.ts';
import type { ContractTest, ContractTools } from './contract-test.ts';
import { expect, expectCode, expectSame, expectThrows, within } from './expect.ts';

const limits = { timeoutMs: 10_000 } as const;

/** Starts a program that prints `ready`, and waits until it has. */
async function ready(world: World, tools: ContractTools, kind: 'wait' | 'stubborn'): Promise<Child> {
  const child = await world.processes.spawn(tools.command({ kind }));
  const line = new Promise<string>((resolve) => child.onLine(resolve));
  expectSame(await within(world.clock, line, 'the first line'), 'ready', 'the first line');
  return child;
}

const exitOf = (world: World, child: Child): Promise<Exit> => within(world.clock, child.exited, 'the exit');

const running: readonly ContractTest[] = [
  {
    name: 'run collects both outputs and tells the exit code',
    async run({ processes }, { command }): Promise<void> {
      const result = await processes.run(
        command({ kind: 'print', stdout: 'out\né\n', stderr: 'err', code: 3 }),
        limits,
      );
      expectSame(
        result,
        { exit: { kind: 'code', code: 3 }, stdout: 'out\né\n', stderr: 'err', timedOut: false },
        'the result',
      );
    },
  },
  {
    name: 'input is written to standard input, which is then closed; without input it is empty',
    async run({ processes }, { command }): Promise<void> {
      const input = 'line of input\n'.repeat(20_000);
      expectSame((await processes.run({ ...command({ kind: 'cat' }), input }, limits)).stdout, input, 'the output');
      expectSame((await processes.run(command({ kind: 'cat' }), limits)).stdout, '', 'the output without input');
    },
  },
  {
    name: 'a program that does not read its input is no error',
    async run({ processes }, { command }): Promise<void> {
      const quick = command({ kind: 'print', stdout: 'x', stderr: '', code: 0 });
      const result = await processes.run({ ...quick, input: 'x'.repeat(1_000_000) }, limits);
      expectSame([result.exit, result.stdout], [{ kind: 'code', code: 0 }, 'x'], 'the result');
    },
  },
  {
    name: 'output beyond the limit is dropped, the program runs on to its end',
    async run({ processes }, { command }): Promise<void> {
      const print = command({ kind: 'print', stdout: 'abcdefgh'.repeat(20_000), stderr: '12345678', code: 0 });
      const result = await processes.run(print, { ...limits, outputBytesMax: 5 });
      expectSame(
        result,
        { exit: { kind: 'code', code: 0 }, stdout: 'abcde', stderr: '12345', timedOut: false },
        'the result',
      );
    },
  },
  {
    name: 'run kills what takes too long, even if it ignores SIGTERM',
    async run({ processes, clock }, { command }): Promise<void> {
      const start = clock.nowMs();
      const result = await processes.run(command({ kind: 'stubborn' }), { timeoutMs: 300 });
      expect(clock.nowMs() - start >= 300, 'it was given its time');
      expectSame([result.timedOut, result.exit], [true, { kind: 'signal', signal: 'SIGKILL' }], 'the result');
    },
  },
  {
    name: 'the environment is what the command says and nothing else, but PATH',
    async run({ processes }, { command }): Promise<void> {
      const show = async (name: string, env?: Readonly<Record<string, string>>): Promise<string> =>
        (
          await processes.run({ ...command({ kind: 'environment', name }), ...(env ? { env } : {}) }, limits)
        ).stdout.trim();
      expectSame(await show('COLOUR', { COLOUR: 'red = 1' }), 'COLOUR=red = 1', 'a given variable');
      expectSame(await show('COLOUR'), 'COLOUR=', 'a variable not given');
      expectSame(await show('HOME', {}), 'HOME=', 'a variable of the parent');
      expect((await show('PATH', {})).length > 'PATH='.length, 'PATH is there');
      expectSame(await show('PATH', { PATH: '/bin:/usr/bin:/here' }), 'PATH=/bin:/usr/bin:/here', 'PATH as given');
    },
  },
  {
    name: 'a program that is not there is refused as notFound by run and spawn',
    async run({ processes }): Promise<void> {
      const command = { program: '/nowhere/at/all', args: [] };
      await expectCode(processes.run(command, limits), 'notFound', 'run');
      await expectCode(processes.spawn(command), 'notFound', 'spawn');
      await expectCode(
        processes.spawn({ program: 'no-such-program-here', args: [] }),
        'notFound',
        'a name not on PATH',
      );
    },
  },
];

const pids: readonly ContractTest[] = [
  {
    name: 'a process id that is no positive integer is a bug of the caller: the system takes it for a group of processes',
    async run({ processes }): Promise<void> {
      for (const pid of [0, -1, 1.5, NaN]) {
        expectThrows(() => processes.signal(pid, 'SIGCONT'), `signal ${pid}`);
        expectThrows(() => processes.isAlive(pid), `isAlive ${pid}`);
      }
    },
  },
];

const children: readonly ContractTest[] = [
  {
    name: 'a child is alive with its pid until it has ended, and its exit is told once to whoever asks',
    async run(world, tools): Promise<void> {
      const child = await ready(world, tools, 'wait');
      expect(Number.isInteger(child.pid) && child.pid > 0, `${child.pid} is a process id`);
      expect(world.processes.isAlive(child.pid), 'it is alive');
      child.signal('SIGTERM');
      expectSame(await exitOf(world, child), { kind: 'code', code: 7 }, 'the exit');
      expectSame(await exitOf(world, child), { kind: 'code', code: 7 }, 'the exit, asked again');
      expect(!world.processes.isAlive(child.pid), 'it is not alive any more');
    },
  },
  {
    name: 'SIGKILL ends what ignores SIGTERM, by child or by pid',
    async run(world, tools): Promise<void> {
      for (const by of ['child', 'pid'] as const) {
        const child = await ready(world, tools, 'stubborn');
        child.signal('SIGTERM');
        await within(world.clock, world.clock.sleep(30), 'a sleep');
        expect(world.processes.isAlive(child.pid), 'it is still alive');
        if (by === 'child') child.signal('SIGKILL');
        else world.processes.signal(child.pid, 'SIGKILL');
        expectSame(await exitOf(world, child), { kind: 'signal', signal: 'SIGKILL' }, 'the exit');
      }
    },
  },
  {
    name: 'a signal to what has ended does nothing',
    async run(world, tools): Promise<void> {
      const child = await ready(world, tools, 'wait');
      child.signal('SIGKILL');
      await exitOf(world, child);
      child.signal('SIGTERM');
      child.signal('SIGKILL');
      world.processes.signal(child.pid, 'SIGTERM');
    },
  },
  {
    name: 'lines come whole, in order, without their ends, the last one also without an end, all before the exit',
    async run(world, tools): Promise<void> {
      const stdout = `first\r\nsecond\n\n${'é'.repeat(3000)}\nlast`;
      const child = await world.processes.spawn(tools.command({ kind: 'print', stdout, stderr: 'a\nb\n', code: 0 }));
      const lines: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
      child.onLine((line, stream) => lines[stream].push(line));
      await exitOf(world, child);
      expectSame(lines.stdout, ['first', 'second', '', 'é'.repeat(3000), 'last'], 'standard output');
      expectSame(lines.stderr, ['a', 'b'], 'standard error');
    },
  },
  {
    name: 'a line that never ends is handed over in pieces of at most 64 KiB',
    async run(world, tools): Promise<void> {
      const stdout = 'x'.repeat(200_000);
      const child = await world.processes.spawn(tools.command({ kind: 'print', stdout, stderr: '', code: 0 }));
      const lines: string[] = [];
      child.onLine((line) => lines.push(line));
      await exitOf(world, child);
      expectSame(lines.join(''), stdout, 'all the pieces');
      expect(
        lines.every((line) => line.length <= 65_536),
        'no piece is longer',
      );
    },
  },
  {
    name: 'an output file gets both outputs, after what was in it',
    async run(world, tools): Promise<void> {
      const outputFile = `${tools.directory}/output.log`;
      await world.disk.write(outputFile, new Uint8Array([62, 10]));
      for (const name of ['one', 'two']) {
        const print = tools.command({ kind: 'print', stdout: `${name}\n`, stderr: '', code: 0 });
        const child = await world.processes.spawn({ ...print, outputFile, detached: name === 'two' });
        expectSame(await exitOf(world, child), { kind: 'code', code: 0 }, 'the exit');
      }
      expectSame(
        [...(await world.disk.read(outputFile))],
        [...'>\none\ntwo\n'].map((c) => c.charCodeAt(0)),
        'the file',
      );
    },
  },
];

export const processesContract: readonly ContractTest[] = [...running, ...pids, ...children];
