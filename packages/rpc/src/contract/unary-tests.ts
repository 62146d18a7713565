import { StopMode } from '../gen/multigres/pgctld/v1/pgctld_pb.ts';
import { expect, expectError, expectSame, within } from './expect.ts';
import type { RpcContractTest } from './rpc-contract.ts';
import { gate, long, poolerStatus, postgresState, withServer } from './served-world.ts';

export const unaryTests: readonly RpcContractTest[] = [
  {
    name: 'a call carries the request to the handler and its answer back',
    run: (subject) =>
      withServer(subject, { restart: async (mode) => postgresState(5000 + mode) }, async ({ pgctld }) => {
        const answer = await pgctld.restart({ mode: StopMode.IMMEDIATE }, long);
        expectSame(answer.status?.port, 5000 + StopMode.IMMEDIATE, 'the port in the answer');
      }),
  },
  {
    name: 'an answer of a megabyte arrives whole, and an empty one too',
    run: (subject) => {
      let text = 'é'.repeat(500_000);
      return withServer(subject, { status: async () => poolerStatus(text) }, async ({ pooler }) => {
        expect((await pooler.getStatus({}, long)).status?.servingReason === text, 'the long text came back');
        text = '';
        expectSame((await pooler.getStatus({}, long)).status?.servingReason, '', 'the empty text');
      });
    },
  },
  {
    name: 'calls of one channel run side by side and are answered in any order',
    run: (subject) => {
      const first = gate();
      const started: number[] = [];
      const restart = async (mode: number): Promise<ReturnType<typeof postgresState>> => {
        started.push(mode);
        if (mode === StopMode.SMART) await first.opened;
        return postgresState(mode);
      };
      return withServer(subject, { restart }, async ({ pgctld }) => {
        const blocked = pgctld.restart({ mode: StopMode.SMART }, long);
        const others = Array.from({ length: 50 }, () => pgctld.restart({ mode: StopMode.FAST }, long));
        const answers = await within(subject.clock, Promise.all(others), 'the calls behind a blocked one');
        expect(
          answers.every((answer) => answer.status?.port === StopMode.FAST),
          'each answer is its own',
        );
        first.open();
        expectSame((await blocked).status?.port, StopMode.SMART, 'the blocked call');
        expectSame(started.length, 51, 'how often the handler ran');
      });
    },
  },
  {
    name: 'a call that is not answered ends at its deadline, not before, and its handler is cancelled',
    run: (subject) => {
      const cancelled = gate();
      const never = (context: { onCancel(run: () => void): () => void }): Promise<never> => {
        context.onCancel(() => cancelled.open());
        return new Promise(() => {});
      };
      return withServer(subject, { restart: (_mode, context) => never(context) }, async ({ pgctld }) => {
        const startMs = subject.clock.nowMs();
        const call = pgctld.restart({}, { deadlineMs: 200 });
        await within(subject.clock, expectError(call, '57014', 'unknown', 'a call with effects'), 'the deadline');
        expect(subject.clock.nowMs() - startMs >= 199, 'the deadline was not too early');
        await within(subject.clock, cancelled.opened, 'the cancellation of the handler');
      });
    },
  },
  {
    name: 'past its deadline a method without side effects was not applied',
    run: (subject) =>
      withServer(subject, { status: () => new Promise(() => {}) }, async ({ pooler }) => {
        const call = pooler.getStatus({}, { deadlineMs: 100 });
        await within(subject.clock, expectError(call, '57014', 'notApplied', 'a call without effects'), 'the deadline');
      }),
  },
  {
    name: 'a handler learns the deadline of its caller',
    run: (subject) => {
      let remainingMs: number | undefined;
      const status = async (context: {
        readonly deadlineAtMs: number | undefined;
      }): Promise<ReturnType<typeof poolerStatus>> => {
        remainingMs = (context.deadlineAtMs ?? Number.NaN) - subject.clock.nowMs();
        return poolerStatus('');
      };
      return withServer(subject, { status }, async ({ pooler }) => {
        await pooler.getStatus({}, { deadlineMs: 60_000 });
        expect(remainingMs !== undefined && remainingMs > 30_000 && remainingMs <= 60_100, `${remainingMs} ms remain`);
      });
    },
  },
];
