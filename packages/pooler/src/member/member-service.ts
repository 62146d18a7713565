import { MemberService, served, type Ballot, type ServedService, type ShardKey } from '@multigres/rpc';
import { memberNotReady } from '../errors.ts';
import type { MemberDriver } from './member.driver.ts';
import type { Order } from './member.machine.ts';

type Shard = Pick<ShardKey, 'database' | 'tableGroup' | 'shard'>;

/** MemberService: each call becomes an order of the member. A call for another shard, or without a ballot, is refused (55000). */
export function memberService(member: MemberDriver, shard: Shard): ServedService {
  const ask = async <T>(of: ShardKey | undefined, order: Order): Promise<T> => {
    const mine = of?.database === shard.database && of.tableGroup === shard.tableGroup && of.shard === shard.shard;
    if (!mine) throw memberNotReady('it belongs to another shard');
    return (await member.call(order)) as T;
  };
  return served(MemberService, {
    recruit: (request) => ask(request.shard, { kind: 'recruit', ballot: ballotOf(request.ballot) }),
    promote: (request) => {
      const askedMs = member.nowMs;
      return ask(request.shard, { kind: 'promote', ballot: ballotOf(request.ballot), request, askedMs });
    },
    setPrimary: (request) => ask(request.shard, { kind: 'follow', ballot: ballotOf(request.rule?.ballot), request }),
    updateRule: (request) =>
      ask(request.shard, { kind: 'updateRule', ballot: ballotOf(request.expected?.ballot), request }),
    resign: (request) => ask(request.shard, { kind: 'resign', ballot: ballotOf(request.rule?.ballot), request }),
    rejoin: (request) => {
      const { streams } = member;
      return ask(request.shard, { kind: 'rejoin', ballot: ballotOf(request.rule?.ballot), request, streams });
    },
    bootstrap: (request) => ask(request.shard, { kind: 'bootstrap', ballot: ballotOf(request.ballot), request }),
  });
}

/** A nonce becomes part of names that Postgres is given. */
function ballotOf(ballot: Ballot | undefined): Ballot {
  if (ballot === undefined || !/^[0-9a-f]{16}$/.test(ballot.nonce))
    throw memberNotReady('the call carries no ballot with a nonce of 16 hexadecimal digits');
  return ballot;
}
