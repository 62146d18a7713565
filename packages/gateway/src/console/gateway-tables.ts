import { formatEndpoint, type Clock, type Endpoint } from '@multigres/core';
import { pinNames } from '@multigres/sql';
import { tableOf, type Table } from '@multigres/relay';
import { consoleViewNotKnown } from '../errors.ts';
import { defaultGatewayLimits, type GatewayConfig, type GatewayLimits } from '../config.ts';
import type { GatewayStatus } from '../gateway.ts';
import type { SessionView } from '../session/session-view.ts';
import type { StatementCatalog } from '../statement/statement-catalog.ts';
import { addressOf } from './address.ts';
import { defaultConsoleConfig } from './console-config.ts';

/** What of a gateway the console shows. */
export interface ShownGateway {
  readonly clock: Clock;
  readonly config: GatewayConfig;
  readonly endpoints: readonly Endpoint[];
  readonly catalog: StatementCatalog;
  readonly isDraining: boolean;
  readonly consoles: number;
  status(): GatewayStatus;
  sessionViews(): Iterable<SessionView>;
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

interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly default: string;
}

function config({ config: { id, listen, auth, limits, console } }: ShownGateway): Table {
  const shown = console || { ...defaultConsoleConfig, ...(console === false && { database: '' }) };
  const rows: ConfigRow[] = [
    { key: 'gateway.id', value: id, default: '' },
    { key: 'gateway.listen', value: listen.map(formatEndpoint).join(','), default: '' },
    { key: 'gateway.auth', value: auth.kind, default: 'trust' },
    { key: 'console.database', value: shown.database, default: defaultConsoleConfig.database },
    { key: 'console.users', value: shown.users.join(','), default: defaultConsoleConfig.users.join(',') },
    { key: 'console.stats_users', value: shown.statsUsers.join(','), default: '' },
  ];
  for (const name of Object.keys(limits) as (keyof GatewayLimits)[]) {
    rows.push({ key: `gateway.${name}`, value: String(limits[name]), default: String(defaultGatewayLimits[name]) });
  }
  return tableOf<ConfigRow>(
    [
      ['key', 'text', (row) => row.key],
      ['value', 'text', (row) => row.value],
      ['default', 'text', (row) => row.default],
      ['changeable', 'text', () => 'no'],
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
