import type { Clock, Log, Random } from '@multigres/core';
import type { MessageWriter } from '@multigres/pgwire';
import type { CancelKeys } from '../cancel/cancel-keys.ts';
import type { Cancellable, Cancels } from '../cancel/cancels.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { GatewayLimits } from '../config.ts';
import type { ConsoleSession } from '../console/console-session.ts';
import type { Console } from '../console/console.ts';
import type { Route } from '../route/route.ts';
import type { GatewayMetrics } from '../telemetry/gateway-metrics.ts';
import type { GroupWatch } from '../telemetry/group-watch.ts';
import type { SessionLog } from '../telemetry/session-log.ts';
import type { SessionRounds } from '../timeout/session-rounds.ts';
import type { ClientEncryption } from './client-encryption.ts';
import type { GoodbyeEnvironment } from './goodbye.ts';
import type { LoginPace } from './login-pace.ts';
import type { RequestContext } from './request-machine.ts';
import type { SharedOpens } from './shared-opens.ts';
import type { Session } from './session.ts';
import type { Tunnel } from './tunnel.ts';

/** What all sessions of a gateway share. */
export interface SessionEnvironment extends RequestContext, ClientEncryption, GoodbyeEnvironment {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  readonly sessionLog: SessionLog;
  /** Undefined while nobody wants to know of single statements. */
  readonly watch: GroupWatch | undefined;
  readonly random: Random;
  readonly limits: GatewayLimits;
  /** For messages to clients; what is taken from it is given to a connection at once. */
  readonly writer: MessageWriter;
  readonly cancelKeys: CancelKeys<Cancellable>;
  readonly cancels: Cancels;
  /** Replication connections. */
  readonly tunnels: Set<Tunnel>;
  readonly authenticator: Authenticator;
  readonly loginPace: LoginPace;
  readonly opens: SharedOpens;
  /** Sessions end as soon as they are between transactions. */
  readonly isDraining: boolean;
  /** The time that sessions stamp. */
  readonly rounds: SessionRounds;
  /** The admin console; undefined if there is none. */
  readonly console: Console | undefined;
  /** Sessions at it. */
  readonly consoles: number;
  consoleStarted(session: ConsoleSession): void;
  consoleEnded(session: ConsoleSession): void;
  routeFor(database: string): Route;
  sessionStarted(session: Session): void;
  sessionEnded(session: Session): void;
}
