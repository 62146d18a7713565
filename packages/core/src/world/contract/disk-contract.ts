import { utf8, utf8Text } from '../../base/bytes.ts';
import { writeDurably, type Disk } from '../disk.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectCode, expectSame, isPlain } from './expect.ts';

async function textOf(disk: Disk, path: string): Promise<string> {
  return utf8Text(await disk.read(path));
}

const content: readonly ContractTest[] = [
  {
    name: 'what is written is read, whole, from the moment the write resolves',
    async run({ disk }, { directory }): Promise<void> {
      const bytes = new Uint8Array(300_000).map((_, i) => (i * 31) % 256);
      for (const length of [0, 1, 4096, 300_000]) {
        await disk.write(`${directory}/file`, bytes.subarray(0, length));
        expectSame((await disk.read(`${directory}/file`)).length, length, 'the length');
      }
      const read = await disk.read(`${directory}/file`);
      expectSame(read, bytes, 'the content');
      expect(isPlain(read), 'it is a plain array');
    },
  },
  {
    name: 'a write replaces all that was there',
    async run({ disk }, { directory }): Promise<void> {
      await disk.write(`${directory}/file`, utf8('a long text'));
      await disk.write(`${directory}/file`, utf8('short'));
      expectSame(await textOf(disk, `${directory}/file`), 'short', 'the content');
    },
  },
  {
    name: 'append creates a file or adds to its end',
    async run({ disk }, { directory }): Promise<void> {
      for (const part of ['one ', 'two ', '', 'three']) await disk.append(`${directory}/log`, utf8(part));
      expectSame(await textOf(disk, `${directory}/log`), 'one two three', 'the content');
    },
  },
  {
    name: 'arrays are copied: changing one after the call changes no file, and no later answer',
    async run({ disk }, { directory }): Promise<void> {
      const bytes = utf8('given');
      await disk.write(`${directory}/file`, bytes);
      bytes.fill(0);
      (await disk.read(`${directory}/file`)).fill(0);
      expectSame(await textOf(disk, `${directory}/file`), 'given', 'the content');
    },
  },
  {
    name: 'writeDurably leaves the new content and nothing else',
    async run({ disk }, { directory }): Promise<void> {
      await writeDurably(disk, `${directory}/promise`, utf8('1'));
      await writeDurably(disk, `${directory}/promise`, utf8('2'));
      expectSame(await textOf(disk, `${directory}/promise`), '2', 'the content');
      expectSame(await disk.list(directory), ['promise'], 'the directory');
    },
  },
];

const names: readonly ContractTest[] = [
  {
    name: 'rename replaces a file, and moves a directory with all that is in it',
    async run({ disk }, { directory }): Promise<void> {
      await disk.write(`${directory}/old`, utf8('old'));
      await disk.write(`${directory}/new`, utf8('new'));
      await disk.rename(`${directory}/new`, `${directory}/old`);
      expectSame(await textOf(disk, `${directory}/old`), 'new', 'the content');
      await disk.makeDirectory(`${directory}/a/b`);
      await disk.write(`${directory}/a/b/file`, utf8('deep'));
      await disk.rename(`${directory}/a`, `${directory}/c`);
      expectSame(await textOf(disk, `${directory}/c/b/file`), 'deep', 'the moved file');
      expectSame(await disk.list(directory), ['c', 'old'], 'the directory');
    },
  },
  {
    name: 'rename refuses what is not there, and to replace a directory that is not empty',
    async run({ disk }, { directory }): Promise<void> {
      await expectCode(disk.rename(`${directory}/none`, `${directory}/other`), 'notFound', 'no source');
      await disk.makeDirectory(`${directory}/full/inner`);
      await disk.makeDirectory(`${directory}/empty`);
      await disk.write(`${directory}/file`, utf8('x'));
      await expectCode(disk.rename(`${directory}/empty`, `${directory}/full`), 'notEmpty', 'a full target');
      await expectCode(
        disk.rename(`${directory}/file`, `${directory}/empty`),
        'isDirectory',
        'a file over a directory',
      );
      await expectCode(
        disk.rename(`${directory}/empty`, `${directory}/file`),
        'notDirectory',
        'a directory over a file',
      );
      await expectCode(disk.rename(`${directory}/file`, `${directory}/gone/file`), 'notFound', 'no target directory');
    },
  },
  {
    name: 'remove takes a file or, when told so, a tree; what is not there is no error',
    async run({ disk }, { directory }): Promise<void> {
      await disk.write(`${directory}/file`, utf8('x'));
      await disk.makeDirectory(`${directory}/tree/inner`);
      await disk.write(`${directory}/tree/inner/file`, utf8('x'));
      await disk.remove(`${directory}/file`);
      await disk.remove(`${directory}/file`);
      await disk.remove(`${directory}/none/at/all`, { recursive: true });
      await expectCode(disk.remove(`${directory}/tree`), 'isDirectory', 'a directory without recursive');
      await disk.remove(`${directory}/tree`, { recursive: true });
      expectSame(await disk.list(directory), [], 'what is left');
    },
  },
  {
    name: 'list answers the names of one directory sorted by code unit',
    async run({ disk }, { directory }): Promise<void> {
      // The last two: code units order them otherwise than UTF-8 bytes do.
      const sorted = ['.hidden', '10', '9', 'Z', 'a', 'b', 'é', '\u{1f600}', '\uffee'];
      for (const name of sorted.toReversed()) await disk.write(`${directory}/${name}`, utf8(name));
      await disk.makeDirectory(`${directory}/b0/inner`);
      expectSame(await disk.list(directory), sorted.toSpliced(6, 0, 'b0'), 'the names');
    },
  },
];

const directories: readonly ContractTest[] = [
  {
    name: 'makeDirectory makes the parents too, and takes one that is there for good; a file in the way is refused',
    async run({ disk }, { directory }): Promise<void> {
      await disk.makeDirectory(`${directory}/a/b/c`);
      await disk.makeDirectory(`${directory}/a/b`);
      expectSame(await disk.info(`${directory}/a/b/c`).then((info) => info?.kind), 'directory', 'the kind');
      await disk.write(`${directory}/file`, utf8('x'));
      await expectCode(disk.makeDirectory(`${directory}/file`), 'exists', 'a file of that name');
      await expectCode(disk.makeDirectory(`${directory}/file/inner`), 'notDirectory', 'a file as a parent');
    },
  },
  {
    name: 'info tells files from directories, the size of a file, and that nothing is there',
    async run({ disk }, { directory }): Promise<void> {
      await disk.write(`${directory}/file`, utf8('12345'));
      const info = await disk.info(`${directory}/file`);
      expectSame([info?.kind, info?.sizeBytes], ['file', 5], 'the file');
      expectSame((await disk.info(directory))?.kind, 'directory', 'the directory');
      expectSame(await disk.info(`${directory}/none`), undefined, 'nothing');
      expectSame(await disk.info(`${directory}/none/inner`), undefined, 'nothing in nothing');
      expectSame(await disk.info(`${directory}/file/inner`), undefined, 'nothing in a file');
    },
  },
];

const refusals: readonly ContractTest[] = [
  {
    name: 'what is missing is refused as notFound, with its path',
    async run({ disk }, { directory }): Promise<void> {
      const path = `${directory}/none`;
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        read: () => disk.read(path),
        list: () => disk.list(path),
        sync: () => disk.sync(path),
        syncDirectory: () => disk.syncDirectory(path),
        'write into it': () => disk.write(`${path}/file`, utf8('x')),
        'append into it': () => disk.append(`${path}/file`, utf8('x')),
      };
      for (const [what, call] of Object.entries(calls)) await expectCode(call(), 'notFound', what);
      const error: unknown = await disk.read(path).catch((thrown: unknown) => thrown);
      expectSame((error as { path?: unknown }).path, path, 'the path of the error');
    },
  },
  {
    name: 'a directory is no file, and a file no directory',
    async run({ disk }, { directory }): Promise<void> {
      await disk.makeDirectory(`${directory}/d`);
      await disk.write(`${directory}/f`, utf8('x'));
      await expectCode(disk.read(`${directory}/d`), 'isDirectory', 'read');
      await expectCode(disk.write(`${directory}/d`, utf8('x')), 'isDirectory', 'write');
      await expectCode(disk.append(`${directory}/d`, utf8('x')), 'isDirectory', 'append');
      await expectCode(disk.list(`${directory}/f`), 'notDirectory', 'list');
      await expectCode(disk.read(`${directory}/f/inner`), 'notDirectory', 'read in a file');
      await expectCode(disk.syncDirectory(`${directory}/f`), 'notDirectory', 'syncDirectory');
    },
  },
  {
    name: 'a path that is not absolute is a bug of the caller',
    async run({ disk }): Promise<void> {
      await expectRejected(disk.read('file'), 'read');
      await expectRejected(disk.write('./file', utf8('x')), 'write');
      await expectRejected(disk.remove(''), 'remove');
    },
  },
  {
    name: 'what is written can be made durable, and synced again',
    async run({ disk }, { directory }): Promise<void> {
      await disk.write(`${directory}/file`, utf8('x'), 0o644);
      for (let i = 0; i < 2; i++) {
        await disk.sync(`${directory}/file`);
        await disk.syncDirectory(directory);
      }
      expectSame(await textOf(disk, `${directory}/file`), 'x', 'the content');
    },
  },
];

async function expectRejected(promise: Promise<unknown>, what: string): Promise<void> {
  const outcome = await promise.then(
    () => 'resolved',
    () => 'rejected',
  );
  expectSame(outcome, 'rejected', what);
}

export const diskContract: readonly ContractTest[] = [...content, ...names, ...directories, ...refusals];
