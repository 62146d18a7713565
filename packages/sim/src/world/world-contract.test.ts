import { contracts, toyTlsTools, type Behaviour, type ContractTools } from '@multigres/core/contract';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../kernel/random-stream.ts';
import { calmWeather, type NetworkWeather } from './link.ts';
import type { Program, ProgramStart } from './processes.ts';
import { Weather } from './weather.ts';

/** The programs that the processes contract starts; the behaviour travels as JSON in the first argument. */
const performer: Program = async (start) => {
  const behaviour = JSON.parse(start.command.args[0] ?? '{}') as Behaviour;
  return performances[behaviour.kind](start, behaviour as never);
};

const performances: {
  [K in Behaviour['kind']]: (start: ProgramStart, behaviour: Behaviour & { kind: K }) => Promise<number>;
} = {
  print: async ({ write }, { stdout, stderr, code }) => {
    write(stdout, 'stdout');
    write(stderr, 'stderr');
    return code;
  },
  cat: async ({ write, command }) => {
    write(command.input ?? '', 'stdout');
    return 0;
  },
  environment: async ({ write, env }, { name }) => {
    write(`${name}=${env[name] ?? ''}\n`, 'stdout');
    return 0;
  },
  wait: ({ write, onSignal }) =>
    new Promise((resolve) => {
      onSignal((signal) => {
        if (signal === 'SIGTERM') resolve(7);
      });
      write('ready\n', 'stdout');
    }),
  stubborn: ({ write, onSignal }) =>
    new Promise(() => {
      onSignal(() => undefined);
      write('ready\n', 'stdout');
    }),
};

function toolsIn(weather: Weather): ContractTools {
  const machine = weather.machine('there');
  return {
    other: weather.world(weather.life('other'), machine),
    host: 'here',
    directory: '/test',
    lines: () => weather.moments.logged.filter((line) => line.node === 'under test'),
    command: (behaviour) => ({ program: 'performer', args: [JSON.stringify(behaviour)] }),
    silent: async () => {
      weather.machine('dark');
      weather.powerOff('dark');
      return { kind: 'tcp', host: 'dark', port: 5432 };
    },
    seeded: (seed) => new RandomStream(seed),
    tls: toyTlsTools,
  };
}

const weathers: Record<string, NetworkWeather> = {
  calm: calmWeather,
  'in tiny pieces': { ...calmWeather, pieces: 'tiny', jitterUs: 300, windowBytes: 4096 },
  'busy and jittery': { ...calmWeather, pieces: 'random', jitterUs: 2000, turnUs: 1000, retransmitShare: 0.01 },
};

for (const [kind, network] of Object.entries(weathers)) {
  for (const [port, tests] of Object.entries(contracts)) {
    describe(`${port}, ${kind}`, () => {
      it.each(tests.map((test) => ({ name: test.name, test })))('$name', async ({ test, name }) => {
        const weather = new Weather({ seed: name, limitMs: 600_000, network, trace: { keepLines: true } });
        weather.programs.set('performer', performer);
        const world = weather.world(weather.life('under test'), weather.machine('here'));
        await weather.kernel.run(async () => {
          await world.disk.makeDirectory('/test');
          await test.run(world, toolsIn(weather));
        });
        expect(weather.kernel.failures).toEqual([]);
      });
    });
  }
}
