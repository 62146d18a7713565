import { compareBallots, joiningName, namesOfNobody, standbyName } from '@multigres/consensus';
import {
  endpointOf,
  type Ballot,
  type MessageInitShape,
  type SetPrimaryRequest,
  type SetPrimaryResponseSchema,
} from '@multigres/rpc';
import { memberNotReady } from '../../errors.ts';
import { standbyEnd } from '../log-position.ts';
import { memberSql } from '../member-sql.ts';
import { memberTiming } from '../member-timing.ts';
import { readRules } from '../rule-table.ts';
import type { DeedRun, MemberHands } from './deed-run.ts';
import { becomeStandby, restartStandby } from './let-go.ts';

/** Follows that leader under the joining name, or at once under the name that counts if its row is here already. */
export async function follow(
  run: DeedRun,
  ballot: Ballot,
  request: SetPrimaryRequest,
): Promise<MessageInitShape<typeof SetPrimaryResponseSchema>> {
  const { promises } = run.hands;
  await promises.promise(ballot);
  run.mayGoOn();
  await becomeStandby(run);
  run.mayGoOn();
  await promises.follows(request);
  run.become({ kind: 'follower', of: request, counted: false });
  const counted = await hasReplayed(run.hands, ballot);
  if (counted) await promises.settled(ballot);
  await connect(run, request, counted ? standbyName(run.self(), ballot) : joiningName(run.self()));
  run.mayGoOn();
  run.become({ kind: 'follower', of: request, counted });
  return { member: run.self() };
}

/** The row of the leader's ballot is replayed here: only now may acknowledgements of this member count. */
export async function join(run: DeedRun, ballot: Ballot, request: SetPrimaryRequest): Promise<void> {
  if (!(await hasReplayed(run.hands, ballot))) return;
  run.mayGoOn();
  await run.hands.promises.settled(ballot);
  await connect(run, request, standbyName(run.self(), ballot));
  run.mayGoOn();
  run.become({ kind: 'follower', of: request, counted: true });
}

/** The ballot's row, and all that this member may have acknowledged before it was rewound. */
export async function hasReplayed({ admin, promises }: MemberHands, ballot: Ballot): Promise<boolean> {
  const { leaderships } = await readRules(admin.ask);
  if (!leaderships.some((each) => compareBallots(each.ballot, ballot) === 0)) return false;
  const { replayedLsn } = await standbyEnd(admin.ask);
  return replayedLsn >= (promises.current?.floorLsn ?? 0n);
}

async function connect({ hands }: DeedRun, request: SetPrimaryRequest, name: string): Promise<void> {
  const { admin, pgctld } = hands;
  // A walreceiver that waits to be told from where keeps its connection, whomever it is told to follow.
  const receivers = await admin.ask(memberSql.replayers);
  const clings = receivers.some(([type, event]) => type === 'walreceiver' && event === 'WalReceiverWaitStart');
  const { status } = await pgctld.getStatus({}, { deadlineMs: memberTiming.askMs });
  await admin.configure({
    synchronous_standby_names: namesOfNobody,
    primary_conninfo: connectionInfo(hands, request, name, status?.replicationPassfile ?? ''),
  });
  if (clings) await restartStandby(hands);
}

/** PostgreSQL documentation, "Connection Strings". */
function connectionInfo({ config }: MemberHands, request: SetPrimaryRequest, name: string, passfile: string): string {
  const endpoint = endpointOf(request.postgresEndpoint);
  if (endpoint === undefined) throw memberNotReady('the call does not tell where the leader is');
  const [host, port] = endpoint.kind === 'tcp' ? [endpoint.host, endpoint.port] : socketParts(endpoint.path);
  const parts: readonly (readonly [string, string])[] = [
    ['host', host],
    ['port', String(port)],
    ['user', config.replication.user],
    ...(passfile === '' ? [] : ([['passfile', passfile]] as const)),
    ['application_name', name],
    ['connect_timeout', '3'],
  ];
  return parts.map(([key, value]) => `${key}=${quoted(value)}`).join(' ');
}

/** libpq wants the folder and the port of `/folder/.s.PGSQL.5432`. */
function socketParts(path: string): readonly [string, string] {
  const at = path.lastIndexOf('/');
  return [path.slice(0, at), path.slice(path.lastIndexOf('.') + 1)];
}

function quoted(value: string): string {
  if (/^[\w./:-]+$/.test(value)) return value;
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
