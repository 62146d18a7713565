import { encodeRowDescription, MessageWriter } from '@multigres/pgwire';
import { BodyReader, decodeResult, encodeResult, frameType, type ToldResult } from '@multigres/relay';
import { expect, it } from 'vitest';
import { bind, describes, execute, FakeGateway, parses, sync } from './testing/fake-gateway.ts';
import { StatementResults } from './statement/statement-results.ts';
import { house } from './testing/house.ts';

const runs = [bind(5), execute, sync] as const;

/** What the fake Postgres's statements that begin with `look` answer when its table has these columns. */
function resultOf(columns: readonly string[]): Uint8Array {
  const column = { tableOid: 1, columnNumber: 1, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 } as const;
  const writer = new MessageWriter();
  encodeRowDescription(
    writer,
    columns.map((name) => ({ name, ...column })),
  );
  const bytes = writer.take();
  return new StatementResults('look', () => {}).learn(bytes, 0, bytes.length);
}

/** Notes what the pooler tells of results: for whom, and what. */
function results(gateway: FakeGateway): [session: number, told: ToldResult][] {
  const told: [number, ToldResult][] = [];
  const hear = gateway.frame.bind(gateway);
  gateway.frame = (id, type, flags, count, buffer, start, end) => {
    if (type === frameType.result) told.push([id, decodeResult(new BodyReader(buffer.slice(start, end)))]);
    hear(id, type, flags, count, buffer, start, end);
  };
  return told;
}

it('a gateway is told what statements answer, of all sessions once and of those that differ', async () => {
  const { world, gateway, postgres } = await house();
  const told = results(gateway);
  const [one, two] = [await gateway.session(), await gateway.session()];
  gateway.define(5, 'look');
  for (const session of [one, two]) {
    session.group(parses(5), describes(5), sync);
    await world.settle();
  }
  expect(told).toEqual([[0, { id: 5, result: resultOf(['a']) }]]);
  postgres.columns = ['a', 'b'];
  two.group(parses(5), describes(5), sync);
  await world.settle();
  expect(told.slice(1)).toEqual([[two.id, { id: 5, result: resultOf(['a', 'b']) }]]);
});

it('what another pooler found out is relied upon, by all sessions or by one', async () => {
  const { world, gateway, postgres } = await house();
  postgres.columns = ['a', 'b'];
  const [one, two] = [await gateway.session(), await gateway.session()];
  gateway.define(5, 'look');
  gateway.link.send(0, frameType.result, 0, 0, encodeResult({ id: 5, result: resultOf(['a']) }));
  gateway.link.send(two.id, frameType.result, 0, 0, encodeResult({ id: 5, result: resultOf(['a', 'b']) }));
  for (const session of [one, two]) session.group(...runs);
  await world.settle();
  expect([one.heard(), two.heard()]).toEqual(['!0A000 Z:I', '2 D C:SELECT 1 Z:I']);
});

it('gateways that rely on different results of one text get what each relies on', async () => {
  const { world, gateway, postgres, pooler } = await house();
  const other = await FakeGateway.connect(world, pooler.relay as NonNullable<typeof pooler.relay>);
  postgres.columns = ['a', 'b'];
  for (const [one, columns] of [
    [gateway, ['a']],
    [other, ['a', 'b']],
  ] as const) {
    one.define(5, 'look');
    one.link.send(0, frameType.result, 0, 0, encodeResult({ id: 5, result: resultOf(columns) }));
  }
  const sessions = [await gateway.session(), await other.session()] as const;
  for (let i = 0; i < 2; i++) {
    for (const session of sessions) session.shared(...runs);
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual(['!0A000 Z:I', '2 D C:SELECT 1 Z:I']);
  }
});
