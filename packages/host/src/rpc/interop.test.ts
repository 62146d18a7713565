import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { create } from '@bufbuild/protobuf';
import { PgError } from '@multigres/core';
import { HealthReporter, PoolerService, PoolerStatusSchema, served, ServingState } from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { hostWorld } from '../world.ts';
import { GrpcTransport } from './grpc-transport.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../../../..');
const buf = path.join(root, 'node_modules/.bin/buf');

describe('a client of another make', () => {
  it('calls our services, and reads our errors', { timeout: 60_000 }, async () => {
    const world = hostWorld();
    const health = new HealthReporter(world.clock);
    health.set('serving');
    const status = create(PoolerStatusSchema, { serving: ServingState.SERVING, databases: ['app'] });
    const pooler = served(PoolerService, {
      getStatus: async () => ({ status }),
      // eslint-disable-next-line require-yield
      async *watchHealth() {
        throw new PgError({ sqlstate: '57P03', message: 'not yet', hint: 'Wait.' });
      },
    });
    const server = await new GrpcTransport(world).serve({ kind: 'tcp', host: '127.0.0.1', port: 0 }, [
      health.service,
      pooler,
    ]);
    const port = server.endpoint.kind === 'tcp' ? server.endpoint.port : 0;
    const call = (method: string): Promise<{ stdout: string }> => {
      const url = `http://127.0.0.1:${port}/${method}`;
      const args = ['curl', '--schema', 'packages/rpc/proto', '--protocol', 'grpc', '--http2-prior-knowledge', url];
      return run(buf, args, { cwd: root });
    };
    try {
      const answer = await call('multigres.pooler.v1.PoolerService/GetStatus');
      expect(JSON.parse(answer.stdout)).toEqual({ status: { serving: 'SERVING_STATE_SERVING', databases: ['app'] } });
      expect(JSON.parse((await call('grpc.health.v1.Health/Check')).stdout)).toEqual({ status: 'SERVING' });
      const failed = call('multigres.pooler.v1.PoolerService/WatchHealth');
      await expect(failed).rejects.toMatchObject({
        stderr: expect.stringMatching(/unavailable[^]*not yet[^]*multigres\.rpc\.v1\.ErrorReport/),
      });
    } finally {
      await server.close({ graceMs: 0 });
    }
  });
});
