import { viewOf, type ShardView } from '../observe/shard-view.ts';
import type { ShardSnapshot } from '../observe/snapshot.ts';
import { notBootstrapped, notRecorded } from './bootstrap.ts';
import { cohort, cohortTooSmall } from './cohort.ts';
import type { Finding } from './finding.ts';
import { followers } from './followers.ts';
import { foreignData } from './foreign-data.ts';
import { leaderCannotCommit } from './leader-cannot-commit.ts';
import { leaderLost } from './leader-lost.ts';
import { promisedElsewhere } from './promised-elsewhere.ts';
import { proposalStuck } from './proposal-stuck.ts';

/** In the order in which people should read them. */
const judges: readonly ((view: ShardView) => Finding[])[] = [
  foreignData,
  notBootstrapped,
  notRecorded,
  leaderLost,
  leaderCannotCommit,
  proposalStuck,
  promisedElsewhere,
  followers,
  cohort,
  cohortTooSmall,
];

/** All that is not as it should be. The same snapshot always gives the same findings. */
export function judge(snapshot: ShardSnapshot): Finding[] {
  const view = viewOf(snapshot);
  return judges.flatMap((each) => each(view));
}
