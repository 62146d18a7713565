import { PgError, type Fate, type PgErrorInit } from '@multigres/core';
import { client } from '../client.ts';
import { HealthCheckResponseSchema, Health } from '../gen/grpc/health/v1/health_pb.ts';
import { PgctldService } from '../gen/multigres/pgctld/v1/pgctld_pb.ts';
import { PoolerService } from '../gen/multigres/pooler/v1/pooler_pb.ts';
import { expect, expectError, expectSame, within } from './expect.ts';
import type { RpcContractTest } from './rpc-contract.ts';
import { long, withServer } from './served-world.ts';

const full: PgErrorInit = {
  severity: 'FATAL',
  sqlstate: '53100',
  message: 'could not write: 100 % full, “no” space',
  detail: 'Two lines\nof detail.',
  hint: 'Make room.',
  position: 7,
  internalPosition: 8,
  internalQuery: 'select 1',
  where: 'in a test',
  schema: 's',
  table: 't',
  column: 'c',
  dataType: 'd',
  constraint: 'k',
  file: 'f.c',
  line: 42,
  routine: 'r',
};

export const errorTests: readonly RpcContractTest[] = [
  {
    name: 'a PgError of a handler arrives with all its fields and its fate',
    async run(subject) {
      for (const fate of ['notApplied', 'applied', 'unknown'] satisfies Fate[]) {
        const sent = new PgError({ ...full, fate });
        await withServer(subject, { restart: () => Promise.reject(sent) }, async ({ pgctld }) => {
          const error = await expectError(pgctld.restart({}, long), '53100', fate, 'the error');
          for (const [field, value] of Object.entries(sent.report)) {
            expectSame((error.report as unknown as Record<string, unknown>)[field], value, field);
          }
          expectSame(Object.keys(error.report).length, Object.keys(sent.report).length, 'the number of fields');
        });
      }
    },
  },
  {
    name: 'fields that an error does not have stay absent',
    run: (subject) => {
      const sent = new PgError({ sqlstate: '55000', message: 'not now' });
      return withServer(subject, { restart: () => Promise.reject(sent) }, async ({ pgctld }) => {
        const error = await expectError(pgctld.restart({}, long), '55000', 'notApplied', 'the error');
        expectSame(Object.keys(error.report).toSorted(), ['message', 'severity', 'sqlstate'], 'the fields');
      });
    },
  },
  {
    name: 'an error with very long texts arrives, its identity and fate whole',
    run: (subject) => {
      const sent = new PgError({
        sqlstate: '58030',
        message: 'io',
        detail: 'ö'.repeat(100_000),
        hint: 'h',
        fate: 'unknown',
      });
      return withServer(subject, { restart: () => Promise.reject(sent) }, async ({ pgctld }) => {
        const error = await expectError(pgctld.restart({}, long), '58030', 'unknown', 'the error');
        expectSame(error.report.hint, 'h', 'the hint');
        expect(error.report.detail?.startsWith('öö') === true, 'the beginning of the detail');
      });
    },
  },
  {
    name: 'a handler that fails with something else answers XX000 with fate unknown',
    run: (subject) =>
      withServer(
        subject,
        { restart: () => Promise.reject(new TypeError('x is not a function')) },
        async ({ pgctld }) => {
          await expectError(pgctld.restart({}, long), 'XX000', 'unknown', 'the error');
        },
      ),
  },
  {
    name: 'a call to where nobody listens fails with 08001 and was not applied, well before its deadline',
    async run(subject) {
      const channel = subject.transport.connect(subject.nobody);
      try {
        const call = client(PgctldService, channel).restart({}, { deadlineMs: 60_000 });
        await within(subject.clock, expectError(call, '08001', 'notApplied', 'the call'), 'the refusal');
      } finally {
        channel.close();
      }
    },
  },
  {
    name: 'a method that is not served is refused with 0A000 and was not applied',
    run: (subject) =>
      withServer(subject, {}, async ({ channel }) => {
        const health = client(Health, channel);
        await expectError(health.check({}, long), '0A000', 'notApplied', 'a unary method');
        const stream = health.watch({}, { idleMsMax: 10_000 });
        await expectError(stream.next(), '0A000', 'notApplied', 'a stream');
        expectSame(HealthCheckResponseSchema.typeName, 'grpc.health.v1.HealthCheckResponse', 'the standard name');
      }),
  },
  {
    name: 'a message over the limit is refused with 54000, and the channel lives on',
    run: (subject) =>
      withServer(subject, {}, async ({ pgctld, channel }) => {
        const request = new Uint8Array(8 * 1024 * 1024);
        const call = channel.unary(PgctldService.method.restart, request, long);
        await expectError(call, '54000', 'notApplied', 'a request of 8 MiB');
        await pgctld.restart({}, long);
      }),
  },
  {
    name: 'bytes that are no message of the type are refused with 08P01, and the channel lives on',
    run: (subject) =>
      withServer(subject, {}, async ({ pooler, channel }) => {
        const call = channel.unary(PoolerService.method.getStatus, new Uint8Array([0xff, 0xff, 0xff]), long);
        await expectError(call, '08P01', 'notApplied', 'garbage');
        await pooler.getStatus({}, long);
      }),
  },
];
