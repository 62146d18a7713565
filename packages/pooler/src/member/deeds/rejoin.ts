import { isPrefix, mayRewind, type OwnHistory } from '@multigres/consensus';
import { hex, PgError } from '@multigres/core';
import {
  create,
  ServerState,
  SetPrimaryRequestSchema,
  StopMode,
  type Ballot,
  type MemberId,
  type MessageInitShape,
  type RejoinRequest,
  type RejoinResponseSchema,
} from '@multigres/rpc';
import { memberNotReady } from '../../errors.ts';
import { readPosition } from '../log-position.ts';
import { memberTiming } from '../member-timing.ts';
import type { DeedRun } from './deed-run.ts';
import { follow } from './follow.ts';
import { becomeStandby, letGo, unlessNoPgError } from './let-go.ts';

/** The data directory is made one that can follow that leader. docs/consensus.md, "Leaving and coming back". */
export async function rejoin(
  run: DeedRun,
  ballot: Ballot,
  request: RejoinRequest,
): Promise<MessageInitShape<typeof RejoinResponseSchema>> {
  const { hands } = run;
  if (hands.promises.current !== undefined) await hands.promises.promise(ballot);
  run.mayGoOn();
  run.become({ kind: 'idle', released: undefined });
  const own = request.clone ? undefined : await ownHistory(run);
  const rewound = own !== undefined && mayRewind(own, request.leaderships) && (await rewind(run, own, request));
  if (!rewound && request.rewindOnly)
    throw memberNotReady('a rewind is not proved right', 'Clone it when its leader is open.');
  const member = rewound ? run.self() : await clone(run, ballot, request);
  const { rule, leader, postgresEndpoint } = request;
  const target = create(SetPrimaryRequestSchema, {
    ...(rule && { rule }),
    ...(leader && { leader }),
    ...(postgresEndpoint && { postgresEndpoint }),
  });
  await hands.pgctld.start({ standby: true }, { deadlineMs: memberTiming.handsMs });
  await follow(run, ballot, target);
  return { member, cloned: !rewound };
}

/** Undefined: it cannot be known, and then nothing is proved. */
async function ownHistory(run: DeedRun): Promise<OwnHistory | undefined> {
  const { promises, pgctld, admin } = run.hands;
  const { status } = await pgctld.getStatus({}, { deadlineMs: memberTiming.handsMs });
  const record = promises.current;
  if (record === undefined || status?.unusable === true || status?.state === ServerState.NOT_INITIALIZED)
    return undefined;
  try {
    await becomeStandby(run);
    await letGo(run);
    const { leaderships, flushedLsn, timeline } = await readPosition(admin.ask, true);
    return { leaderships, flushedLsn, timeline, attempts: record.attempts };
  } catch (error) {
    run.mayGoOn();
    return unlessNoPgError(error);
  }
}

/**
 * What it may have acknowledged of the leader's log is recorded first: until it has replayed past that, it neither counts nor says where its log ends. (What
 * is beyond, where the logs have parted, nobody was told of.) Answers whether it is rewound.
 */
async function rewind(run: DeedRun, own: OwnHistory, request: RejoinRequest): Promise<boolean> {
  const { promises, pgctld } = run.hands;
  const parted = request.leaderships.find((each, at) => !isPrefix([each], own.leaderships.slice(at, at + 1)));
  const floorLsn = parted !== undefined && parted.startLsn < own.flushedLsn ? parted.startLsn : own.flushedLsn;
  await promises.floor(floorLsn);
  await pgctld.stop({ mode: StopMode.FAST }, { deadlineMs: memberTiming.handsMs });
  try {
    run.hands.admin.forgetSettings();
    await pgctld.rewind({ source: sourceOf(request) }, { deadlineMs: memberTiming.cloneMs });
    return true;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    run.hands.world.telemetry.log.warn('could not rewind; the data directory is cloned', { reason: error.message });
    return false;
  }
}

/** A new member, which has promised what this call demands and nothing else. */
async function clone(run: DeedRun, ballot: Ballot, request: RejoinRequest): Promise<MemberId> {
  const { promises, pgctld, world } = run.hands;
  const incarnation = hex(world.random.bytes(8));
  await promises.prepare(incarnation, ballot);
  await pgctld.stop({ mode: StopMode.IMMEDIATE }, { deadlineMs: memberTiming.handsMs }).catch(unlessNoPgError);
  await pgctld.clone({ source: sourceOf(request), incarnation }, { deadlineMs: memberTiming.cloneMs });
  return await run.reload();
}

function sourceOf({ postgresEndpoint }: RejoinRequest): { endpoint?: NonNullable<RejoinRequest['postgresEndpoint']> } {
  return postgresEndpoint === undefined ? {} : { endpoint: postgresEndpoint };
}
