import type { Endpoint } from '@multigres/core';
import type { ComponentIdMessage } from '@multigres/rpc';

/** What makes a pooler a member of a shard. Without it, it stands alone: it serves whatever its Postgres is. */
export interface MemberConfig {
  readonly pooler: Pick<ComponentIdMessage, 'cell' | 'name'>;
  /** Where `member.json` is kept: on the same volume as the data directory, not inside it. It must exist. */
  readonly directory: string;
  /** The hands on its Postgres. */
  readonly pgctld: Endpoint;
  /** Where other members reach its Postgres, for replication. */
  readonly postgresAddress: Endpoint;
  /** Bootstrap superuser of the data directory, trusted on the local socket. */
  readonly superuser: string;
  readonly replication: ReplicationLogin;
}

/** As whom followers stream. The role is made at bootstrap; Postgres finds the password in the passfile that pgctld writes and tells of. */
export interface ReplicationLogin {
  readonly user: string;
  readonly password: string;
}
