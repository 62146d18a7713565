import { NetworkTransport } from '@multigres/rpc';
import { rpcContract } from '@multigres/rpc/contract';
import { describe, expect, it } from 'vitest';
import { calmWeather, type NetworkWeather } from './link.ts';
import { Weather } from './weather.ts';

const weathers: Record<string, NetworkWeather> = {
  calm: calmWeather,
  'in tiny pieces': { ...calmWeather, pieces: 'tiny', jitterUs: 300, windowBytes: 4096 },
};

for (const [kind, network] of Object.entries(weathers)) {
  describe(`the rpc transport over the simulated network, ${kind}`, () => {
    it.each(rpcContract.map((test) => ({ name: test.name, test })))('$name', async ({ test, name }) => {
      const weather = new Weather({ seed: name, limitMs: 600_000, network });
      const world = weather.world(weather.life('under test'), weather.machine('here'));
      const nobody = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const;
      const free = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
      await weather.kernel.run(() =>
        test.run({ transport: new NetworkTransport(world), clock: world.clock, free, nobody }),
      );
      expect(weather.kernel.failures).toEqual([]);
    });
  });
}
