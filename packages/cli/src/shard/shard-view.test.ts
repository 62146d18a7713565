import {
  DataState,
  MemberRole,
  MemberIdSchema,
  MemberStatusSchema,
  PoolerStatusSchema,
  RuleSchema,
  create,
  type MessageInitShape,
  type MemberId,
} from '@multigres/rpc';
import { describe, expect, it } from 'vitest';
import { shardChanges } from './shard-picture.ts';
import { bytesText, shardJson, shardLines, type ShardReport } from './shard-table.ts';
import { shardState, shardView, type AskedPooler } from './shard-view.ts';

type RuleInit = MessageInitShape<typeof RuleSchema>;
type MemberInit = MessageInitShape<typeof MemberStatusSchema>;

const id = (n: number): { cell: string; name: string } => ({ cell: `zone${n}`, name: `pooler-${n}` });
const memberId = (n: number): MemberId => create(MemberIdSchema, { pooler: id(n), incarnation: `${n}`.repeat(16) });

const ruleOf = (term: bigint, leader: number, voters: readonly number[] = [1, 2, 3]): RuleInit => ({
  number: { ballot: { term, coordinator: { cell: 'zone1', name: 'orch-1' }, nonce: 'a' }, subterm: 0n },
  leader: memberId(leader),
  voters: voters.map(memberId),
  policy: { name: 'AT_LEAST_N', n: 2 },
});

function asked(n: number, member: MemberInit): AskedPooler {
  const status = create(PoolerStatusSchema, {
    member: { member: memberId(n), postgresUp: true, data: DataState.FINE, systemIdentifier: 7n, ...member },
  });
  return { id: id(n), status };
}

const leader = (n: number, rule: RuleInit, open = true): AskedPooler =>
  asked(n, { role: MemberRole.LEADER, open, position: { rule, decided: true, flushedLsn: 0x1000n, timeline: 2 } });

const follower = (n: number, rule: RuleInit, replayedLsn = 0x1000n): AskedPooler =>
  asked(n, {
    role: MemberRole.FOLLOWER,
    position: { rule, decided: true, flushedLsn: replayedLsn, timeline: 2 },
    following: { streaming: true, joined: true, replayedLsn },
  });

const rule = ruleOf(4n, 1);
const whole = [leader(1, rule), follower(2, rule), follower(3, rule, 0xc00n)];

describe('the view of a shard', () => {
  it('tells who leads, who votes, and how far everybody is', () => {
    const view = shardView(whole);
    expect([view.leader, view.open, view.decided, shardState(view)]).toEqual(['zone1/pooler-1', true, true, 'healthy']);
    expect(
      view.members.map(({ name, role, part, rule: own, health, lagBytes }) => [
        name,
        role,
        part,
        own,
        health,
        lagBytes,
      ]),
    ).toEqual([
      ['zone1/pooler-1', 'leader', 'voter', '4.0', 'healthy', 0],
      ['zone2/pooler-2', 'follower', 'voter', '4.0', 'healthy', 0],
      ['zone3/pooler-3', 'follower', 'voter', '4.0', 'healthy', 0x400],
    ]);
  });

  it('believes the newest rule, and sees a leader of an older one as nobody who serves', () => {
    const next = ruleOf(5n, 2);
    const view = shardView([leader(1, rule), leader(2, next, false), follower(3, next)]);
    expect([view.leader, view.open, shardState(view)]).toEqual(['zone2/pooler-2', false, 'leaderless']);
  });

  it('counts a member that was cloned anew as another one, and a silent one as itself', () => {
    const cloned = create(PoolerStatusSchema, {
      ...follower(2, rule).status,
      member: { ...follower(2, rule).status?.member, member: { ...memberId(2), incarnation: 'new' } },
    } as MessageInitShape<typeof PoolerStatusSchema>);
    const view = shardView([leader(1, rule), { id: id(2), status: cloned }, { id: id(3), status: undefined }]);
    expect(view.members.map(({ part, health }) => [part, health])).toEqual([
      ['voter', 'healthy'],
      ['none', 'healthy'],
      ['voter', 'silent'],
    ]);
    expect(shardState(view)).toBe('degraded');
  });

  it.each<readonly [string, MemberInit]>([
    ['postgresDown', { postgresUp: false }],
    ['noData', { data: DataState.NONE }],
    ['unusableData', { data: DataState.UNUSABLE }],
    ['busy', { busy: 'cloning' }],
    ['idle', { role: MemberRole.IDLE }],
    ['notStreaming', { role: MemberRole.FOLLOWER, following: { streaming: false } }],
    ['joining', { role: MemberRole.FOLLOWER, following: { streaming: true } }],
    ['diverged', { role: MemberRole.FOLLOWER, following: { streaming: true, joined: true, diverged: true } }],
    ['closed', { role: MemberRole.LEADER, open: false, commitStalledMs: 700 }],
  ])('calls a member %s, and says why', (health, member) => {
    const [seen] = shardView([asked(1, member)]).members;
    expect([seen?.health, seen?.reason]).toEqual([health, expect.stringMatching(/\w/)]);
  });

  it('knows nothing of a shard that has not begun', () => {
    const view = shardView([asked(1, { data: DataState.NONE })]);
    expect([view.rule, view.leader, shardState(view)]).toEqual([undefined, undefined, 'leaderless']);
  });
});

describe('the report on a shard', () => {
  const report: ShardReport = {
    shard: 'postgres/default/0',
    view: shardView([...whole.slice(0, 2), { id: id(3), status: undefined }]),
    orchestrators: [
      { name: 'zone1/orch-1', answers: true },
      { name: 'zone2/orch-2', answers: false },
    ],
  };

  it('is a table for people', () => {
    expect(shardLines(report)).toEqual([
      'shard postgres/default/0, system identifier 7',
      'rule 4.0 (decided), coordinated by zone1/orch-1; quorum: AT_LEAST_N with N = 2',
      '',
      'MEMBER          ROLE      PART   HEALTH   RULE  TIMELINE  POSITION  LAG',
      'zone1/pooler-1  leader    voter  healthy  4.0   2         0/1000    -',
      'zone2/pooler-2  follower  voter  healthy  4.0   2         0/1000    0 B',
      'zone3/pooler-3  unknown   voter  silent   -     -         -         -',
      'zone3/pooler-3: its pooler does not answer',
      '',
      'orchestrators: zone1/orch-1, zone2/orch-2 (silent)',
      'degraded: zone1/pooler-1 leads, but not all members are healthy',
    ]);
  });

  it('is a line of JSON for programs', () => {
    expect(JSON.parse(shardJson(report))).toMatchObject({
      state: 'degraded',
      leader: 'zone1/pooler-1',
      rule: { number: '4.0', decided: true, voters: ['zone1/pooler-1', 'zone2/pooler-2', 'zone3/pooler-3'] },
      members: [
        { name: 'zone1/pooler-1', role: 'leader', rule: '4.0', position: '0/1000', health: 'healthy' },
        { name: 'zone2/pooler-2', role: 'follower', rule: '4.0', position: '0/1000', health: 'healthy' },
        { name: 'zone3/pooler-3', role: 'unknown', rule: null, position: null, health: 'silent' },
      ],
    });
  });

  it('tells what has changed since', () => {
    const next = ruleOf(5n, 2);
    const after = shardView([{ id: id(1), status: undefined }, leader(2, next), follower(3, next)]);
    expect(shardChanges(shardView(whole), after)).toEqual([
      'rule 5.0: zone2/pooler-2 leads',
      'zone1/pooler-1 is silent (was healthy)',
      'zone1/pooler-1 is unknown (was leader)',
      'zone2/pooler-2 is leader (was follower)',
    ]);
    expect(shardChanges(after, after)).toEqual([]);
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [16 * 1024 * 1024, '16 MB'],
  ])('writes %i bytes as %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});
