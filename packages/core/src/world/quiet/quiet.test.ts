import { describe, expect, it } from 'vitest';
import { contracts, toyTlsTools, type Behaviour, type ContractTools } from '../contract/contract.ts';
import type { Command } from '../processes.ts';
import { QuietRandom } from './quiet-random.ts';
import { quietWorld, type QuietProcess, type QuietWorld } from './quiet.ts';

function behave(process: QuietProcess, behaviour: Behaviour): void {
  if (behaviour.kind === 'print') {
    process.stdout(behaviour.stdout);
    process.stderr(behaviour.stderr);
    process.exit(behaviour.code);
  } else if (behaviour.kind === 'cat') {
    process.stdout(process.input);
    process.exit(0);
  } else if (behaviour.kind === 'environment') {
    process.stdout(`${behaviour.name}=${process.env[behaviour.name] ?? ''}\n`);
    process.exit(0);
  } else {
    process.stdout('ready\n');
    process.onSignal((signal) => {
      if (behaviour.kind === 'wait' && signal === 'SIGTERM') process.exit(7);
    });
  }
}

async function toolsFor(world: QuietWorld): Promise<ContractTools> {
  await world.disk.makeDirectory('/tmp/contract');
  let programs = 0;
  return {
    other: world.node('other'),
    host: '127.0.0.1',
    directory: '/tmp/contract',
    lines: () => world.lines,
    command: (behaviour): Command => {
      const program = `/bin/program-${(programs += 1)}`;
      world.program(program, (process) => behave(process, behaviour));
      return { program, args: [] };
    },
    silent: async () => {
      const endpoint = { kind: 'tcp', host: 'far', port: 1 } as const;
      world.silence(endpoint);
      world.node('other').silence(endpoint);
      return endpoint;
    },
    seeded: (seed) => new QuietRandom(seed),
    tls: toyTlsTools,
  };
}

/** What happens in a world that rolls dice. */
async function life(): Promise<string[]> {
  const world = quietWorld({ seed: 7 });
  const seen: string[] = [];
  for (let i = 0; i < 20; i++) {
    const name = `${i}`;
    void world.clock.sleep(world.random.below(10)).then(() => seen.push(`${world.clock.nowMs()}:${name}`));
  }
  await world.advance(10);
  return seen;
}

for (const [port, tests] of Object.entries(contracts)) {
  describe(`the contract of the ${port}, in the quiet world`, () => {
    for (const test of tests) {
      it(test.name, async () => {
        const world = quietWorld({ seed: test.name });
        await world.until(test.run(world, await toolsFor(world)));
      });
    }
  });
}

describe('the quiet world', () => {
  it('stands still until it is moved, and fires each timer at its own time', async () => {
    const world = quietWorld();
    const seen: number[] = [];
    for (const delay of [30, 10, 20]) world.clock.after(delay, () => seen.push(world.clock.nowMs()));
    await world.settle();
    expect(seen).toEqual([]);
    await world.advance(25);
    expect(seen).toEqual([10, 20]);
    expect(world.clock.nowMs()).toBe(25);
  });

  it('handles promises of any depth before the next thing happens', async () => {
    const world = quietWorld();
    let deepest = 0;
    const nested = async (depth: number): Promise<void> => {
      if (depth === 0) return;
      await nested(depth - 1);
      await Promise.resolve();
      deepest = depth;
    };
    world.clock.after(1, () => void nested(1000));
    world.clock.after(1, () => expect(deepest).toBe(1000));
    await world.advance(1);
    expect(deepest).toBe(1000);
  });

  it('overwrites the bytes of a data call when the call is over', async () => {
    const world = quietWorld();
    const kept: Uint8Array[] = [];
    const nothing = { end: () => undefined, drain: () => undefined, closed: () => undefined };
    const listener = await world.network.listen({ kind: 'tcp', host: 'a', port: 0 }, (connection) =>
      connection.attach({ ...nothing, data: (bytes) => kept.push(bytes) }),
    );
    const client = await world.until(world.network.connect(listener.endpoint, { timeoutMs: 10 }));
    client.write(Uint8Array.of(1, 2, 3));
    await world.settle();
    expect(kept.map((bytes) => [...bytes])).toEqual([[0xdd, 0xdd, 0xdd]]);
  });

  it('gives what a callback throws to whoever moved it', async () => {
    const world = quietWorld();
    world.clock.after(5, () => {
      throw new Error('broken');
    });
    await expect(world.advance(10)).rejects.toThrow('broken');
  });

  it('says so when what is waited for can never happen, or takes too long', async () => {
    const world = quietWorld();
    await expect(world.until(new Promise(() => undefined))).rejects.toThrow('can still happen');
    await expect(world.until(world.clock.sleep(100), 50)).rejects.toThrow('within 50 ms');
  });

  it('says so when it never comes to rest', async () => {
    const world = quietWorld();
    const again = (): void => world.clock.soon(again);
    again();
    await expect(world.settle()).rejects.toThrow('comes to rest');
  });

  it('lives the same life twice', async () => {
    expect(await life()).toEqual(await life());
  });
});
