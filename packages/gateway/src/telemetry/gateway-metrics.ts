import { TurnClock, type Counter, type Histogram, type World } from '@multigres/core';

/**
 * What a gateway counts. Made once per gateway; sessions add to it. What only has a value now (sessions by state, links) is observed where it is
 * known, so that it cannot drift: see `observeGateway`.
 */
export class GatewayMetrics {
  readonly turn: TurnClock;
  readonly connections: Counter;
  readonly logins: Counter;
  readonly consoleLogins: Counter;
  readonly loginTime: Histogram;
  readonly receivedBytes: Counter;
  readonly sentBytes: Counter;
  readonly simpleQueries: Counter;
  readonly extendedQueries: Counter;
  readonly transactions: Counter;
  readonly queryTime: Histogram;
  readonly carriedParses: Counter;
  readonly cancels: Counter;
  readonly strayCancels: Counter;
  readonly poolerConnects: Counter;
  readonly poolerLosses: Counter;
  readonly #buffered: Counter;
  readonly #failovers: Counter;
  readonly #leaderless: Histogram;
  readonly #loginFailures: (sqlstate: string) => Counter;
  readonly #endedSessions: (reason: string) => Counter;
  readonly #errors: (sqlstate: string) => Counter;

  constructor(world: World) {
    const { metrics } = world.telemetry;
    this.turn = new TurnClock(world.clock);
    this.connections = metrics.counter('multigres_gateway_connections_total', 'Connections of clients accepted.');
    this.logins = metrics.counter(
      'multigres_gateway_logins_total',
      'Clients that logged in and were let in by Postgres.',
    );
    this.consoleLogins = metrics.counter('multigres_gateway_console_logins_total', 'Logins to the admin console.');
    this.loginTime = metrics.histogram(
      'multigres_gateway_login_duration_seconds',
      'From accepting a connection to the first ReadyForQuery, the pooler and Postgres included.',
    );
    const received = 'multigres_gateway_client_received_bytes_total';
    this.receivedBytes = metrics.counter(received, 'Bytes of protocol that came from sessions, without their logins.');
    const sent = 'multigres_gateway_client_sent_bytes_total';
    this.sentBytes = metrics.counter(sent, 'Bytes of protocol that went to sessions.');
    const queries = 'multigres_gateway_queries_total';
    const queriesHelp =
      'Groups asked for: what one ReadyForQuery answers. protocol: simple (Query, FunctionCall) or extended (messages up to Sync).';
    this.simpleQueries = metrics.counter(queries, queriesHelp, { protocol: 'simple' });
    this.extendedQueries = metrics.counter(queries, queriesHelp, { protocol: 'extended' });
    this.transactions = metrics.counter(
      'multigres_gateway_transactions_total',
      'Transactions that ended, a statement outside of a transaction block being one.',
    );
    this.queryTime = metrics.histogram(
      'multigres_gateway_query_duration_seconds',
      'From the end of a request to its ReadyForQuery on the way to the client: everything but the network to the client.',
    );
    this.carriedParses = metrics.counter(
      'multigres_gateway_carried_parses_total',
      'Parse messages that were not relayed, because the statement is carried by content.',
    );
    const cancels = 'multigres_gateway_cancel_requests_total';
    const cancelsHelp = 'CancelRequests of clients. found: whether a session had that key.';
    this.cancels = metrics.counter(cancels, cancelsHelp, { found: 'true' });
    this.strayCancels = metrics.counter(cancels, cancelsHelp, { found: 'false' });
    this.#loginFailures = metrics.counters(
      'multigres_gateway_login_failures_total',
      'Clients that were refused before their first ReadyForQuery, by SQLSTATE; none: they left by themselves.',
      'sqlstate',
    );
    this.#endedSessions = metrics.counters(
      'multigres_gateway_sessions_ended_total',
      'Sessions that ended after their login. reason: client (it left), or the SQLSTATE that it was told.',
      'reason',
    );
    this.#errors = metrics.counters(
      'multigres_gateway_errors_total',
      'Errors of the gateway itself that sessions were told and survived, by SQLSTATE.',
      'sqlstate',
    );
    this.poolerConnects = metrics.counter('multigres_gateway_pooler_connects_total', 'Links to a pooler that came up.');
    this.poolerLosses = metrics.counter('multigres_gateway_pooler_losses_total', 'Links to a pooler that were lost.');
    this.#buffered = metrics.counter(
      'multigres_gateway_buffered_total',
      'Times that a session or a login had to wait because nobody led its shard.',
    );
    this.#failovers = metrics.counter(
      'multigres_gateway_failovers_total',
      'Leaders of a newer rule that this gateway went over to, switchovers among them.',
    );
    this.#leaderless = metrics.histogram(
      'multigres_gateway_leaderless_seconds',
      'How long nobody led, or could be reached who does, each time until somebody did again.',
    );
  }

  /** A session waits for a leader. */
  buffered(): void {
    this.#buffered.add();
  }

  /** Somebody leads who did not before. */
  leaderOpened(leaderlessMs: number, isFailover: boolean): void {
    if (isFailover) this.#failovers.add();
    this.#leaderless.recordMs(leaderlessMs);
  }

  /** A client was told no before it had a session of its own. */
  loginFailed(sqlstate: string): void {
    this.#loginFailures(sqlstate).add();
  }

  /** A client that proved who it is has gone: `welcomed` if it had its first ReadyForQuery, `reason`: the SQLSTATE it was told, or client. */
  over(welcomed: boolean, reason: string): void {
    if (welcomed) this.#sessionEnded(reason);
    else this.loginFailed(reason === 'client' ? 'none' : reason);
  }

  #sessionEnded(reason: string): void {
    this.#endedSessions(reason).add();
  }

  /** The gateway itself answered with an error, and the session goes on. */
  refused(sqlstate: string): void {
    this.#errors(sqlstate).add();
  }
}
