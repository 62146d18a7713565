import { client } from '../client.ts';
import { PgctldService } from '../gen/multigres/pgctld/v1/pgctld_pb.ts';
import { PoolerService, type PoolerStatus } from '../gen/multigres/pooler/v1/pooler_pb.ts';
import type { CallContext } from '../service.ts';
import { eventually, expect, expectError, expectSame, within } from './expect.ts';
import type { RpcContractTest } from './rpc-contract.ts';
import { gate, long, poolerStatus, postgresState, serveAt, withServer } from './served-world.ts';

/** A restart handler that says when it has begun and answers when it is told to. */
function held(): {
  readonly begun: Promise<void>;
  finish(): void;
  restart(): Promise<ReturnType<typeof postgresState>>;
} {
  const begun = gate();
  const finished = gate();
  return {
    begun: begun.opened,
    finish: () => finished.open(),
    async restart() {
      begun.open();
      await finished.opened;
      return postgresState(1);
    },
  };
}

export const lifeTests: readonly RpcContractTest[] = [
  {
    name: 'a call whose connection breaks under way has an unknown fate, unless it has no side effects',
    run: (subject) => {
      const { begun, restart } = held();
      return withServer(
        subject,
        { restart, status: () => new Promise(() => {}) },
        async ({ server, pgctld, pooler }) => {
          const withEffects = expectError(pgctld.restart({}, long), '08006', 'unknown', 'a call with effects');
          const without = expectError(pooler.getStatus({}, long), '08006', 'notApplied', 'a call without effects');
          await begun;
          await within(subject.clock, server.close({ graceMs: 0 }), 'the close');
          await within(subject.clock, Promise.all([withEffects, without]), 'the end of the calls');
        },
      );
    },
  },
  {
    name: 'a closing server lets its calls finish, and takes no new ones',
    run: (subject) => {
      const { begun, restart, finish } = held();
      return withServer(subject, { restart }, async ({ server, pgctld }) => {
        const call = pgctld.restart({}, long);
        await begun;
        const closed = server.close({ graceMs: 10_000 });
        const fresh = subject.transport.connect(server.endpoint);
        const refused = await client(PgctldService, fresh)
          .restart({}, long)
          .then(
            () => undefined,
            (error: { fate?: string }) => error.fate,
          );
        fresh.close();
        expectSame(refused, 'notApplied', 'the fate of a new call');
        finish();
        expectSame((await call).status?.port, 1, 'the call under way');
        await within(subject.clock, closed, 'the close');
      });
    },
  },
  {
    name: 'a closing server ends its streams and cancels their handlers',
    run: (subject) => {
      const cancelled = gate();
      const watch = async function* (_heartbeatMs: number, context: CallContext): AsyncGenerator<PoolerStatus> {
        yield poolerStatus('');
        await new Promise<void>((resolve) => context.onCancel(resolve));
        cancelled.open();
      };
      return withServer(subject, { watch }, async ({ server, pooler }) => {
        const stream = pooler.watchHealth({}, { idleMsMax: 10_000 });
        await stream.next();
        const ended = expectError(stream.next(), '57P01', 'notApplied', 'the stream');
        await within(subject.clock, server.close({ graceMs: 5000 }), 'the close');
        await within(subject.clock, Promise.all([ended, cancelled.opened]), 'the end of the stream');
      });
    },
  },
  {
    name: 'when a server has come back at its endpoint, the same channel reaches it',
    run: (subject) =>
      withServer(subject, { restart: async () => postgresState(1) }, async ({ server, pgctld }) => {
        expectSame((await pgctld.restart({}, long)).status?.port, 1, 'the first server');
        await server.close({ graceMs: 0 });
        const second = await serveAt(subject, { restart: async () => postgresState(2) }, server.endpoint);
        try {
          let port: number | undefined;
          const ask = async (): Promise<boolean> => {
            port = await pgctld.restart({}, { deadlineMs: 1000 }).then(
              (answer) => answer.status?.port,
              () => undefined,
            );
            return port !== undefined;
          };
          await eventually(subject.clock, ask, 'an answer of the second server');
          expectSame(port, 2, 'the second server');
        } finally {
          await second.close({ graceMs: 0 });
        }
      }),
  },
  {
    name: 'closing a server twice is one close',
    run: (subject) =>
      withServer(subject, {}, async ({ server }) => {
        await within(
          subject.clock,
          Promise.all([server.close({ graceMs: 0 }), server.close({ graceMs: 0 })]),
          'the close',
        );
      }),
  },
  {
    name: 'an endpoint that is taken is refused as inUse',
    run: (subject) =>
      withServer(subject, {}, async ({ server }) => {
        const second = await serveAt(subject, {}, server.endpoint).then(
          () => 'served',
          (error: { code?: string }) => error.code,
        );
        expectSame(second, 'inUse', 'a second server');
      }),
  },
  {
    name: 'closing a channel fails its calls, cancels their handlers, and refuses later calls with 08003',
    run: (subject) => {
      const begun = gate();
      const cancelled = gate();
      const restart = (_mode: number, context: CallContext): Promise<never> => {
        context.onCancel(() => cancelled.open());
        begun.open();
        return new Promise(() => {});
      };
      return withServer(subject, { restart }, async ({ channel, pgctld, pooler }) => {
        const call = expectError(pgctld.restart({}, { deadlineMs: 600_000 }), '57014', 'unknown', 'the call under way');
        await begun.opened;
        channel.close();
        await within(subject.clock, Promise.all([call, cancelled.opened]), 'the end of the call');
        await expectError(pooler.getStatus({}, long), '08003', 'notApplied', 'a later call');
        await expectError(pooler.watchHealth({}, { idleMsMax: 1000 }).next(), '08003', 'notApplied', 'a later stream');
      });
    },
  },
  {
    name: 'a channel that is never used connects to nobody, and closing it is no error',
    async run(subject) {
      const channel = subject.transport.connect(subject.nobody);
      channel.close();
      channel.close();
      await expectError(client(PoolerService, channel).getStatus({}, long), '08003', 'notApplied', 'a call');
      expect(channel.endpoint === subject.nobody, 'the endpoint is the one that was given');
    },
  },
];
