import { quietWorld } from '@multigres/core/quiet';
import { utf8 } from '@multigres/core';
import { describe, expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { emptyRecord, parseRecord, RecordKeeper } from './server-record.ts';

const layout = layoutOf('/home');

describe('the record of a server', () => {
  test('is what the next pgctld finds', async () => {
    const world = quietWorld();
    await world.disk.makeDirectory('/home');
    const keeper = await RecordKeeper.open(world, layout);
    expect(keeper.record).toEqual(emptyRecord);
    await keeper.change({ incarnation: '00000000000000aa', systemIdentifier: 7123456789012345678n });
    await keeper.change({ swap: 'data.new.01ab' });
    const heir = await RecordKeeper.open(world, layout);
    expect(heir.record).toEqual({
      incarnation: '00000000000000aa',
      systemIdentifier: 7123456789012345678n,
      standby: false,
      swap: 'data.new.01ab',
      rewinding: undefined,
    });
  });

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{"incarnation":"aa","systemIdentifier":"1","standby":true}',
    '{"incarnation":"","systemIdentifier":1,"standby":true}',
    '{"incarnation":"","systemIdentifier":"1","standby":true,"swap":"../../etc"}',
  ])('that is damaged (%s) is not guessed at', async (text) => {
    expect(parseRecord(text)).toBeUndefined();
    const world = quietWorld();
    await world.disk.makeDirectory('/home');
    await world.disk.write('/home/server.json', utf8(text));
    await expect(RecordKeeper.open(world, layout)).rejects.toMatchObject({ sqlstate: '58030' });
  });
});
