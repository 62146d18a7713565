import { spawnSync } from 'node:child_process';
import { lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Endpoint } from '@multigres/core';
import { client, Health, HealthReporter, NetworkTransport, type RpcTransport } from '@multigres/rpc';
import { rpcContract } from '@multigres/rpc/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostWorld } from '../world.ts';
import { GrpcTransport } from './grpc-transport.ts';

const world = hostWorld();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mg-rpc-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const free = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

/** A port that was free a moment ago. */
async function closedPort(): Promise<Endpoint> {
  const listener = await world.network.listen(free, (connection) => connection.destroy());
  await listener.close();
  return listener.endpoint;
}

const transports: readonly [name: string, transport: RpcTransport][] = [
  ['gRPC', new GrpcTransport(world)],
  ['frames over the network port', new NetworkTransport(world)],
];

for (const [name, transport] of transports) {
  describe(`the contract of the RPC transport: ${name} over TCP`, () => {
    for (const test of rpcContract) {
      it(test.name, async () => test.run({ transport, clock: world.clock, free, nobody: await closedPort() }));
    }
  });
  describe(`the contract of the RPC transport: ${name} over a Unix socket`, () => {
    rpcContract.forEach((test, i) => {
      it(test.name, async () => {
        const at = (suffix: string): Endpoint => ({
          kind: 'unix',
          path: path.join(folder, `${name.slice(0, 1)}${i}${suffix}`),
        });
        await test.run({ transport, clock: world.clock, free: at('s'), nobody: at('n') });
      });
    });
  });
}

describe('a gRPC server', () => {
  it('takes the socket file over that a process left when it was killed', async () => {
    const at = path.join(folder, 'dead');
    const script = `require('net').createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await lstat(at)).isSocket()).toBe(true);
    const transport = new GrpcTransport(world);
    const server = await transport.serve({ kind: 'unix', path: at }, [new HealthReporter(world.clock).service]);
    const channel = transport.connect(server.endpoint);
    expect(await client(Health, channel).check({}, { deadlineMs: 5000 })).toBeDefined();
    channel.close();
    await server.close({ graceMs: 0 });
  });

  it('says that it may not listen on the path of a file that is no socket', async () => {
    const at = path.join(folder, 'file');
    await writeFile(at, '');
    const served = new GrpcTransport(world).serve({ kind: 'unix', path: at }, []);
    await expect(served).rejects.toMatchObject({ code: 'inUse' });
  });
});
