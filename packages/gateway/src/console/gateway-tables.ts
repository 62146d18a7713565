import { formatEndpoint, type Clock, type Endpoint } from '@multigres/core';
import { pinNames } from '@multigres/sql';
import { tableOf, type Table } from '@multigres/relay';
import { consoleViewNotKnown } from '../errors.ts';
import { defaultGatewayLimits, type GatewayConfig, type GatewayLimits } from '../config.ts';
import type { GatewayStatus } from '../gateway.ts';
import type { PoolerView } from '../route/pooler-views.ts';
import type { SessionView } from '../session/session-view.ts';
import type { StatementCatalog } from '../statement/statement-catalog.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { addressOf } from './address.ts';
import { defaultConsoleConfig, type ConsoleConfig } from './console-config.ts';

/** What of a gateway the console shows. */
export interface ShownGateway {
  readonly clock: Clock;
  readonly config: GatewayConfig;
  /** As they are now. */
  readonly limits: GatewayLimits;
  readonly console: { readonly config: ConsoleConfig } | undefined;
  readonly endpoints: readonly Endpoint[];
  readonly authenticator: Pick<Authenticator, 'kind'>;
  readonly catalog: StatementCatalog;
  readonly isDraining: boolean;
  readonly consoles: number;
  status(): GatewayStatus;
  sessionViews(): Iterable<SessionView>;
  /** Poolers of the shard that it follows; none where there is one for everything. */
  readonly poolerViews: readonly PoolerView[];
}

/** What is known here and nowhere else, as others ask for it. Throws 0A000 for another name. */
export function gatewayTable(gateway: ShownGateway, name: string): Table {
  switch (name) {
    case 'clients':
      return clients(gateway);
    case 'gateways':
      return gateways(gateway);
    case 'config':
      return config(gateway);
    case 'mem':
      return memory(gateway);
    case 'poolers':
      return poolers(gateway);
    default:
      throw consoleViewNotKnown(name);
  }
}

function clients(gateway: ShownGateway): Table {
  const { clock, config: shown } = gateway;
  const startMs = clock.wallMs() - clock.nowMs();
  return tableOf<SessionView>(
    [
      ['id', 'int4', (row) => row.id],
      ['gateway', 'text', () => shown.id],
      ['channel', 'int8', (row) => row.channel],
      ['user', 'text', (row) => row.user],
      ['database', 'text', (row) => row.database],
      ['state', 'text', (row) => row.state],
      ['addr', 'text', (row) => addressOf(row.remote).address],
      ['port', 'int4', (row) => addressOf(row.remote).port],
      ['connected_ms', 'float8', (row) => startMs + row.connectedMs],
      ['since_ms', 'float8', (row) => startMs + row.sinceMs],
      ['application_name', 'text', (row) => row.applicationName],
      ['pins', 'text', (row) => pinNames(row.pins).join(',')],
      ['replication', 'text', (row) => row.replication],
      ['tls', 'text', (row) => row.tls],
    ],
    gateway.sessionViews(),
  );
}

function gateways(gateway: ShownGateway): Table {
  return tableOf<GatewayStatus>(
    [
      ['name', 'text', () => gateway.config.id],
      ['sessions', 'int4', (row) => row.sessions],
      ['logins', 'int4', (row) => row.logins],
      ['consoles', 'int4', () => gateway.consoles],
      ['pooler_up', 'int4', (row) => row.poolerIsUp],
      ['draining', 'int4', () => gateway.isDraining],
      ['listen', 'text', () => gateway.endpoints.map(formatEndpoint).join(',')],
    ],
    [gateway.status()],
  );
}

function poolers(gateway: ShownGateway): Table {
  return tableOf<PoolerView>(
    [
      ['gateway', 'text', () => gateway.config.id],
      ['name', 'text', (row) => row.name],
      ['role', 'text', (row) => row.role],
      ['rule', 'text', (row) => row.rule],
      ['leader', 'int4', (row) => row.isLeader],
      ['reads', 'int4', (row) => row.servesReads],
      ['connected', 'int4', (row) => row.isConnected],
      ['channels', 'int4', (row) => row.channels],
      ['lag_bytes', 'int8', (row) => row.lagBytes],
      ['silent_ms', 'int8', (row) => row.silentMs],
      ['why_not_leader', 'text', (row) => row.reason],
      ['why_no_reads', 'text', (row) => row.noReadsReason],
    ],
    gateway.poolerViews,
  );
}

interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly default: string;
  readonly needsRestart?: true;
}

function config({ config: { id, listen }, authenticator, limits, console }: ShownGateway): Table {
  const { database = '', users = [], statsUsers = [] } = console?.config ?? {};
  const initial = defaultConsoleConfig;
  const rows: ConfigRow[] = [
    { key: 'gateway.id', value: id, default: '', needsRestart: true },
    { key: 'gateway.listen', value: listen.map(formatEndpoint).join(','), default: '', needsRestart: true },
    { key: 'gateway.auth', value: authenticator.kind, default: 'trust' },
    { key: 'console.database', value: database, default: initial.database },
    { key: 'console.users', value: users.join(','), default: initial.users.join(',') },
    { key: 'console.stats_users', value: statsUsers.join(','), default: '' },
  ];
  for (const name of Object.keys(limits) as (keyof GatewayLimits)[]) {
    const value = String(limits[name]);
    const fixed = name === 'statementsMax' ? ({ needsRestart: true } as const) : {};
    rows.push({ key: `gateway.${name}`, value, default: String(defaultGatewayLimits[name]), ...fixed });
  }
  return tableOf<ConfigRow>(
    [
      ['key', 'text', (row) => row.key],
      ['value', 'text', (row) => row.value],
      ['default', 'text', (row) => row.default],
      ['changeable', 'text', (row) => (row.needsRestart ? 'no' : 'yes')],
    ],
    rows,
  );
}

function memory(gateway: ShownGateway): Table {
  const { sessions, logins } = gateway.status();
  const rows: [string, number][] = [
    ['gateway.sessions', sessions],
    ['gateway.logins', logins],
    ['gateway.statements', gateway.catalog.size],
  ];
  return tableOf<[string, number]>(
    [
      ['name', 'text', ([name]) => name],
      ['count', 'int8', ([, count]) => count],
      ['bytes', 'int8', () => null],
      ['component', 'text', () => gateway.config.id],
    ],
    rows,
  );
}
