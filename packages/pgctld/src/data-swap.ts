import { hex, type World } from '@multigres/core';
import type { Layout } from './layout.ts';
import type { RecordKeeper } from './server-record.ts';

/**
 * Data directories beside `data`. Each has a name of its own: a program that has outlived its pgctld writes on into a directory that
 * nobody uses any more.
 */
const besides = { made: 'data.new.', replaced: 'data.old.', rewound: 'data.rewind.' } as const;

export function nameBeside(world: World, kind: keyof typeof besides): string {
  return `${besides[kind]}${hex(world.random.bytes(4))}`;
}

/**
 * Clears away what is beside `data` and of no use: of attempts that were killed half-way, and what was replaced. Only for who holds the
 * directory's lock. What cannot be removed now, because an orphaned program still writes there, is harmless and goes the next time.
 */
export async function removeLeftovers(world: World, layout: Layout, keeper: RecordKeeper): Promise<void> {
  const { swap, rewinding } = keeper.record;
  const names = await world.disk.list(layout.root);
  const isBeside = (name: string): boolean => Object.values(besides).some((prefix) => name.startsWith(prefix));
  for (const name of names.filter((each) => isBeside(each) && each !== swap && each !== rewinding)) {
    try {
      await world.disk.remove(`${layout.root}/${name}`, { recursive: true });
    } catch (error) {
      world.telemetry.log.warn('cannot remove a useless data directory yet', { name, error: String(error) });
    }
  }
  await world.disk.remove(layout.passwordFile);
}

/**
 * Puts the complete data directory that the record names in the place of `data`. Begun when the record names it, it is finished by whoever
 * comes next; repeating it from any point is right. The old one goes when the new one durably has its place.
 */
export async function finishSwap(world: World, layout: Layout, keeper: RecordKeeper): Promise<void> {
  const { swap } = keeper.record;
  if (swap === undefined) return;
  const next = `${layout.root}/${swap}`;
  if ((await world.disk.info(next)) !== undefined) {
    if ((await world.disk.info(layout.data)) !== undefined) {
      await world.disk.rename(layout.data, `${layout.root}/${nameBeside(world, 'replaced')}`);
    }
    await world.disk.rename(next, layout.data);
    await world.disk.syncDirectory(layout.root);
  }
  await keeper.change({ swap: undefined });
}

/** What an earlier pgctld has begun is finished where it was complete, and undone where it was not. */
export async function settleDirectory(world: World, layout: Layout, keeper: RecordKeeper): Promise<void> {
  await finishSwap(world, layout, keeper);
  await settleRewind(world, layout, keeper);
  await removeLeftovers(world, layout, keeper);
  // A promotion that was written down and never told of: any later signal would make the server look there.
  await world.disk.remove(`${layout.data}/promote`);
}

/** A rewind that had not begun, or was complete, has left `data` in its place. */
async function settleRewind(world: World, layout: Layout, keeper: RecordKeeper): Promise<void> {
  const { rewinding } = keeper.record;
  if (rewinding === undefined || (await world.disk.info(`${layout.root}/${rewinding}`)) !== undefined) return;
  await keeper.change({ rewinding: undefined });
}
