import { quietWorld } from '@multigres/core/quiet';
import { BallotSchema, create, SetPrimaryRequestSchema, type Ballot } from '@multigres/rpc';
import { DiskError, utf8, type Disk } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { makeDirectory, PromiseFile } from './promise-file.ts';

function ballot(term: number): Ballot {
  return create(BallotSchema, { term: BigInt(term), coordinator: { cell: 'a', name: 'o' }, nonce: '0123456789abcdef' });
}

const one = '1111111111111111';
const two = '2222222222222222';

async function fileOn(disk: Disk): Promise<PromiseFile> {
  await makeDirectory(disk, '/member');
  const file = new PromiseFile(disk, '/member');
  await file.load();
  return file;
}

describe('the file of promises', () => {
  it('keeps everything across a restart', async () => {
    const { disk } = quietWorld();
    const file = await fileOn(disk);
    await file.prepare(one, ballot(1));
    file.adopt(one);
    await file.promise(ballot(7));
    await file.attempt(ballot(7));
    await file.floor(123n);
    await file.follows(create(SetPrimaryRequestSchema, { rule: { ballot: ballot(7), subterm: 2n } }));
    const again = await fileOn(disk);
    expect(again.adopt(one)).toEqual(file.current);
    expect(again.current).toMatchObject({ promise: ballot(7), attempts: [ballot(7)], floorLsn: 123n });
  });

  it('never lowers a promise', async () => {
    const file = await fileOn(quietWorld().disk);
    await file.prepare(one, ballot(5));
    file.adopt(one);
    await file.promise(ballot(3));
    expect(file.current?.promise).toEqual(ballot(5));
    await file.prepare(one, ballot(4));
    expect(file.adopt(one).promise).toEqual(ballot(5));
  });

  it('does not know a data directory that it never prepared', async () => {
    const file = await fileOn(quietWorld().disk);
    await file.prepare(one, ballot(1));
    expect(() => file.adopt(two)).toThrowError(/what this data directory has promised is not known/);
    expect(() => new PromiseFile(quietWorld().disk, '/other').adopt(one)).toThrowError(/is not known/);
  });

  it('keeps what the old data directory promised until the clone is there', async () => {
    const { disk } = quietWorld();
    const file = await fileOn(disk);
    await file.prepare(one, ballot(1));
    file.adopt(one);
    await file.promise(ballot(4));
    await file.prepare(two, ballot(5));
    expect((await fileOn(disk)).adopt(one).promise).toEqual(ballot(4));
    expect((await fileOn(disk)).adopt(two).promise).toEqual(ballot(5));
  });

  it('writes changes that overlap one after the other', async () => {
    const file = await fileOn(quietWorld().disk);
    await file.prepare(one, undefined);
    file.adopt(one);
    await Promise.all([file.promise(ballot(2)), file.attempt(ballot(2)), file.floor(9n)]);
    expect(file.current).toMatchObject({ promise: ballot(2), attempts: [ballot(2)], floorLsn: 9n });
  });

  it('promises nothing when the disk fails', async () => {
    const { disk } = quietWorld();
    const failing = new Proxy<Disk>(disk, {
      get: (target, name) =>
        name === 'sync'
          ? () => Promise.reject(new DiskError('io', '/member/member.json.tmp', 'no'))
          : (target[name as keyof Disk] as () => unknown).bind(target),
    });
    const file = await fileOn(disk);
    await file.prepare(one, ballot(1));
    const other = new PromiseFile(failing, '/member');
    await other.load();
    other.adopt(one);
    await expect(other.promise(ballot(2))).rejects.toMatchObject({ report: { sqlstate: '58030' } });
    expect(other.current?.promise).toEqual(ballot(1));
  });

  it('is not guessed at when somebody has damaged it', async () => {
    const { disk } = quietWorld();
    await makeDirectory(disk, '/member');
    await disk.write('/member/member.json', utf8('{"version": 1'));
    await expect(new PromiseFile(disk, '/member').load()).rejects.toMatchObject({ report: { sqlstate: 'F0000' } });
  });
});
