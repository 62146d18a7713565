import { PgError } from '@multigres/core';
import { client } from '../client.ts';
import { PoolerService, type PoolerStatus } from '../gen/multigres/pooler/v1/pooler_pb.ts';
import type { CallContext } from '../service.ts';
import { expect, expectError, expectSame, within } from './expect.ts';
import type { RpcContractTest } from './rpc-contract.ts';
import { gate, poolerStatus, withServer } from './served-world.ts';

const patient = { idleMsMax: 10_000 } as const;

async function* counted(count: number, text = ''): AsyncGenerator<PoolerStatus> {
  for (let i = 0; i < count; i++) yield poolerStatus(`${i}${text}`);
}

/** Yields once, then waits for its cancellation; tells how it ended. */
function lasting(
  ended: (how: string) => void,
): (heartbeatMs: number, context: CallContext) => AsyncIterable<PoolerStatus> {
  return async function* (_heartbeatMs, context) {
    try {
      yield poolerStatus('first');
      await new Promise<void>((resolve) => context.onCancel(resolve));
      ended(context.cancelled ? 'cancelled' : 'woken');
    } finally {
      ended('left');
    }
  };
}

export const streamTests: readonly RpcContractTest[] = [
  {
    name: 'the messages of a stream arrive in order and complete, then it ends',
    run: (subject) =>
      withServer(subject, { watch: () => counted(1000) }, async ({ pooler }) => {
        const seen: (string | undefined)[] = [];
        for await (const answer of pooler.watchHealth({}, patient)) seen.push(answer.status?.servingReason);
        expectSame(
          seen,
          Array.from({ length: 1000 }, (_, i) => String(i)),
          'the messages',
        );
      }),
  },
  {
    name: 'a stream without messages ends, and stays ended',
    run: (subject) =>
      withServer(subject, { watch: () => counted(0) }, async ({ pooler }) => {
        const stream = pooler.watchHealth({}, patient);
        expectSame((await stream.next()).done, true, 'the end');
        expectSame((await stream.next()).done, true, 'the end, again');
      }),
  },
  {
    name: 'the request of a stream reaches its handler',
    run: (subject) => {
      return withServer(subject, { watch: (heartbeatMs) => counted(1, `/${heartbeatMs}`) }, async ({ pooler }) => {
        const first = await pooler.watchHealth({ heartbeatMs: 250 }, patient).next();
        expectSame(first.value?.status?.servingReason, '0/250', 'the message');
      });
    },
  },
  {
    name: 'a slow reader slows its handler down',
    run: (subject) => {
      let produced = 0;
      const watch = async function* (): AsyncGenerator<PoolerStatus> {
        for (let i = 0; i < 600; i++) {
          produced += 1;
          yield poolerStatus('x'.repeat(16_384));
        }
      };
      return withServer(subject, { watch }, async ({ pooler }) => {
        let taken = 0;
        for await (const answer of pooler.watchHealth({}, patient)) {
          expectSame(answer.status?.servingReason.length, 16_384, 'the length of a message');
          taken += 1;
          if (taken <= 20) await subject.clock.sleep(10);
          expect(produced - taken < 200, `${produced} messages were made, ${taken} taken`);
        }
        expectSame(taken, 600, 'all messages');
      });
    },
  },
  {
    name: 'an error ends a stream after the messages before it, with all its fields',
    run: (subject) => {
      const refusal = new PgError({ sqlstate: '57P03', message: 'not yet', hint: 'Wait.', fate: 'notApplied' });
      const watch = async function* (): AsyncGenerator<PoolerStatus> {
        yield* counted(3);
        throw refusal;
      };
      return withServer(subject, { watch }, async ({ pooler }) => {
        const stream = pooler.watchHealth({}, patient);
        for (let i = 0; i < 3; i++)
          expectSame((await stream.next()).value?.status?.servingReason, String(i), 'a message');
        const error = await expectError(stream.next(), '57P03', 'notApplied', 'the error');
        expectSame(error.report.hint, 'Wait.', 'the hint');
        expectSame((await stream.next()).done, true, 'what follows the error');
      });
    },
  },
  {
    name: 'cancelling a stream ends it here at once, and cancels and leaves its handler there',
    run: (subject) => {
      const left = gate();
      const seen: string[] = [];
      const ended = (how: string): void => {
        seen.push(how);
        if (how === 'left') left.open();
      };
      return withServer(subject, { watch: lasting(ended) }, async ({ pooler }) => {
        const stream = pooler.watchHealth({}, patient);
        expectSame((await stream.next()).value?.status?.servingReason, 'first', 'the first message');
        const waiting = stream.next();
        stream.cancel();
        expectSame((await within(subject.clock, waiting, 'the waiting reader')).done, true, 'the waiting reader');
        await within(subject.clock, left.opened, 'the end of the handler');
        expectSame(seen, ['cancelled', 'left'], 'how it ended');
      });
    },
  },
  {
    name: 'leaving a loop over a stream cancels it',
    run: (subject) => {
      const left = gate();
      const watch = lasting((how) => how === 'left' && left.open());
      return withServer(subject, { watch }, async ({ pooler }) => {
        for await (const answer of pooler.watchHealth({}, patient)) {
          expectSame(answer.status?.servingReason, 'first', 'the message');
          break;
        }
        await within(subject.clock, left.opened, 'the end of the handler');
      });
    },
  },
  {
    name: 'a stream that is silent for too long fails with 08006, not before, and its handler is cancelled',
    run: (subject) => {
      const left = gate();
      const watch = lasting((how) => how === 'left' && left.open());
      return withServer(subject, { watch }, async ({ pooler }) => {
        const stream = pooler.watchHealth({}, { idleMsMax: 300 });
        await stream.next();
        const startMs = subject.clock.nowMs();
        const next = expectError(stream.next(), '08006', 'notApplied', 'the silence');
        await within(subject.clock, next, 'the end of patience');
        expect(subject.clock.nowMs() - startMs >= 299, 'not too early');
        await within(subject.clock, left.opened, 'the end of the handler');
      });
    },
  },
  {
    name: 'a stream to where nobody listens fails with 08001',
    async run(subject) {
      const channel = subject.transport.connect(subject.nobody);
      try {
        const next = client(PoolerService, channel).watchHealth({}, { idleMsMax: 60_000 }).next();
        await within(subject.clock, expectError(next, '08001', 'notApplied', 'the stream'), 'the refusal');
      } finally {
        channel.close();
      }
    },
  },
];
