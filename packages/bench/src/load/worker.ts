import { Histogram } from './histogram.ts';
import type { LoadOrder, LoadReport, LoadShare, LoginResult } from './load-plan.ts';
import { Loop, type LoopResult } from './loop.ts';
import { hostLoopClock } from './metronome/metronome.ts';
import { Session } from './session.ts';
import { SelectStatement } from './statement.ts';

// One process of the load generator: opens its share of the sessions, sends its share of the statements, reports, and ends with its parent.

const report = (message: LoadReport): void => void process.send?.(message);
const sessions: Session[] = [];
let share: LoadShare | undefined;

async function open(asked: LoadShare): Promise<LoginResult> {
  const { plan, sourceAddresses } = asked;
  share = asked;
  const statement = new SelectStatement(plan.mode, plan.rows);
  const latency = new Histogram();
  const count = plan.idle + plan.active;
  let begun = 0;
  const startMs = performance.now();
  const oneAfterTheOther = async (): Promise<void> => {
    while (begun < count) {
      const source = sourceAddresses[begun++ % Math.max(1, sourceAddresses.length)];
      const sinceMs = performance.now();
      sessions.push(await Session.open(plan.address, source, plan.identity, statement));
      latency.record((performance.now() - sinceMs) * 1000);
    }
  };
  await Promise.all(Array.from({ length: Math.min(plan.loginsAtOnce, count) }, oneAfterTheOther));
  return { sessions: sessions.length, ms: performance.now() - startMs, latency: latency.toRecord() };
}

function load({ plan }: LoadShare): Promise<LoopResult> {
  const loop = new Loop(hostLoopClock, sessions.slice(plan.idle), plan);
  for (const session of sessions) session.owner = loop;
  return loop.run();
}

async function obey(order: LoadOrder): Promise<void> {
  switch (order.kind) {
    case 'open':
      return report({ kind: 'opened', logins: await open(order.share) });
    case 'load':
      if (share !== undefined) report({ kind: 'loaded', result: await load(share) });
      return;
    case 'end':
      process.exit(0);
  }
}

process.on('message', (order: LoadOrder) => {
  obey(order).catch((error: unknown) =>
    report({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
