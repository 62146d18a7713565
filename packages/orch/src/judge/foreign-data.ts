import { isForeign, type ShardView } from '../observe/shard-view.ts';
import type { Finding } from './finding.ts';

/** A data directory of another cluster: nothing is ever done to it. */
export function foreignData(view: ShardView): Finding[] {
  return view.members
    .filter((at) => isForeign(at, view))
    .map((at) => ({
      ...{ kind: 'foreignData', subject: at.key },
      explanation: `${at.key} holds data of another Postgres cluster (${at.status?.member?.systemIdentifier}, not ${view.systemIdentifier}).`,
      remedy: 'Nothing is done to it. Move its data directory away if it shall join.',
    }));
}
