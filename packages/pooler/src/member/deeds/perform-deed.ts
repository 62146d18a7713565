import type { Order } from '../member.machine.ts';
import { bootstrap } from './bootstrap.ts';
import type { DeedRun } from './deed-run.ts';
import { follow, join } from './follow.ts';
import { promote } from './promote.ts';
import { stepDown, recruit } from './recruit.ts';
import { rejoin } from './rejoin.ts';
import { resign } from './resign.ts';
import { updateRule } from './update-rule.ts';

/** Answers what the caller is told; undefined for the member's own deeds. Rejects with a PgError. */
export function performDeed(run: DeedRun, order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'recruit':
      return recruit(run, order.ballot);
    case 'promote':
      return promote(run, order.ballot, order.request, order.askedMs);
    case 'follow':
      return follow(run, order.ballot, order.request);
    case 'join':
      return join(run, order.ballot, order.request);
    case 'updateRule':
      return updateRule(run, order.ballot, order.request);
    case 'resign':
      return resign(run, order.ballot, order.request);
    case 'rejoin':
      return rejoin(run, order.ballot, order.request);
    case 'bootstrap':
      return bootstrap(run, order.ballot, order.request);
    case 'stepDown':
      return stepDown(run);
  }
}
