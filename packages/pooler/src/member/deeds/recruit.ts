import { sameMember } from '@multigres/consensus';
import { create, PromiseSchema, type Ballot, type MessageInitShape, type RecruitResponseSchema } from '@multigres/rpc';
import { readPosition } from '../log-position.ts';
import { memberNotReady } from '../../errors.ts';
import type { DeedRun } from './deed-run.ts';
import { becomeStandby, letGo } from './let-go.ts';

/** Promise first, durably; then stop taking part; then tell where the log ends. docs/consensus.md, "A leader is lost", 2. */
export async function recruit(run: DeedRun, ballot: Ballot): Promise<MessageInitShape<typeof RecruitResponseSchema>> {
  const { promises, admin } = run.hands;
  await promises.promise(ballot);
  run.mayGoOn();
  run.become({ kind: 'idle', released: undefined });
  await promises.follows(undefined);
  await becomeStandby(run);
  run.mayGoOn();
  await letGo(run);
  const position = await readPosition(admin.ask, true);
  run.mayGoOn();
  // Rewound, and not back where it was: by its log it would seem that less was acknowledged than was.
  const floorLsn = promises.current?.floorLsn ?? 0n;
  if (position.flushedLsn < floorLsn)
    throw memberNotReady('it was rewound and lacks what it may have acknowledged', 'It must follow its leader first.');
  run.become({ kind: 'idle', released: ballot });
  return {
    member: run.self(),
    promise: create(PromiseSchema, { ballot }),
    position,
    // Whoever led by this log is this member, and it serves nobody since it was asked.
    fencedLeader: sameMember(position.rule?.leader, run.self()),
  };
}

/** It is a primary without the right to be one. */
export async function stepDown(run: DeedRun): Promise<void> {
  run.become({ kind: 'idle', released: undefined });
  await becomeStandby(run);
  await letGo(run);
}
