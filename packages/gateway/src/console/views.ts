import type { PgNotice } from '@multigres/pgwire';
import { pinNames } from '@multigres/sql';
import type { Cell } from '@multigres/relay';
import { help } from './help.ts';
import type { Gathered, Hub, Row } from './hub.ts';
import { utcText } from './utc-text.ts';
import { version } from './version.ts';
import { viewColumns, type ViewName } from './view-columns.ts';

export interface Shown {
  readonly rows: readonly (readonly Cell[])[];
  readonly notices: readonly PgNotice[];
}

type Gather = (hub: Hub, self: string) => Promise<Gathered> | Gathered;

/** Views in which a number that nobody counts is 0, as what reads PgBouncer's expects numbers everywhere. */
const countedViews: ReadonlySet<ViewName> = new Set(['pools', 'stats', 'stats_totals', 'stats_averages', 'databases']);

/** Collects a view's rows from all who know them and puts them into its columns; what nobody knows is null. */
export async function showView(view: ViewName, hub: Hub, self: string): Promise<Shown> {
  const { rows, notices } = await gather[view](hub, self);
  const columns = viewColumns[view];
  const nothing = columns.map(({ type }) => (type !== 'text' && countedViews.has(view) ? '0' : null));
  return { rows: rows.map((row) => columns.map(({ name }, at) => row[name] ?? nothing[at] ?? null)), notices };
}

const gather: Readonly<Record<ViewName, Gather>> = {
  clients: async (hub) => {
    const { rows, notices } = await clients(hub);
    return { rows: rows.map(clientRow), notices };
  },
  pins: async (hub) => {
    const { rows, notices } = await clients(hub);
    return { rows: rows.filter(({ pins }) => (pins ?? '') !== '').map(pinRow), notices };
  },
  servers: async (hub) => {
    const { rows, notices } = await hub.pooler('servers');
    return { rows: rows.map(serverRow), notices };
  },
  pools: (hub) => hub.pooler('pools'),
  databases: (hub) => hub.pooler('databases'),
  users: (hub) => hub.pooler('users'),
  stats: (hub) => hub.pooler('stats'),
  stats_totals: (hub) => hub.pooler('stats'),
  stats_averages: (hub) => hub.pooler('stats'),
  totals: async (hub) => {
    const { rows, notices } = await hub.pooler('stats');
    return { rows: sums(rows), notices };
  },
  config: async (hub) => {
    const [own, pooler] = [hub.own('config'), await hub.pooler('config')];
    return { rows: [...own, ...pooler.rows], notices: pooler.notices };
  },
  mem: async (hub) => {
    const all = join(await hub.gateways('mem'), await hub.pooler('mem'));
    return {
      rows: all.rows.map((row) => ({ ...row, used: row['count'] ?? null, memtotal: row['bytes'] ?? null })),
      notices: all.notices,
    };
  },
  lists,
  gateways: async (hub, self) => {
    const { rows, notices } = await hub.gateways('gateways');
    return { rows: rows.map((row) => ({ ...row, this: row['name'] === self ? '1' : '0' })), notices };
  },
  poolers: (hub) => hub.gateways('poolers'),
  state,
  version: () => only({ version: `Multigres ${version}` }),
  help: () => ({ rows: help.map(([command, meaning]) => ({ command, meaning })), notices: [] }),
};

/** Sessions of all gateways, with what the pooler knows of each that it has something for. */
async function clients(hub: Hub): Promise<Gathered> {
  const [gateways, pooler] = await Promise.all([hub.gateways('clients'), hub.pooler('sessions')]);
  const known = new Map(pooler.rows.map((row) => [key(row), row]));
  const rows = gateways.rows.map((row) => {
    const there = known.get(key(row));
    if (there === undefined) return row;
    const { wait_ms, remote_pid, pins, pinned_since_ms } = there;
    const names = pinNames(Number(pins ?? 0)).join(',');
    return {
      ...row,
      there: there['state'] ?? null,
      wait_ms,
      remote_pid,
      pinned_since_ms,
      pins: names || row['pins'],
    } as Row;
  });
  return { rows, notices: [...gateways.notices, ...pooler.notices] };
}

function key(row: Row): string {
  return `${row['gateway']}/${row['channel']}`;
}

/** PgBouncer's words: who waits for a backend is waiting, who has sent something or holds a backend is active. */
function clientRow(row: Row): Row {
  const waits = row['there'] === 'waiting' || row['state'] === 'opening';
  const isActive = row['there'] === 'active' || row['state'] === 'active' || row['state'] === 'idleInTransaction';
  const waitMs = Number(row['wait_ms'] ?? 0);
  return {
    ...row,
    type: 'C',
    state: waits ? 'waiting' : isActive ? 'active' : 'idle',
    local_addr: null,
    local_port: null,
    connect_time: time(row['connected_ms']),
    request_time: time(row['since_ms']),
    wait: String(Math.floor(waitMs / 1000)),
    wait_us: String(Math.floor((waitMs % 1000) * 1000)),
    close_needed: '0',
    ptr: key(row),
    link: row['remote_pid'] ?? '',
    // PgBouncer's is the process of the client, which nobody knows here.
    remote_pid: '0',
    tls: row['tls'] ?? '',
  };
}

function pinRow(row: Row): Row {
  return { ...row, reasons: row['pins'] ?? '', since: time(row['pinned_since_ms']) };
}

function serverRow(row: Row): Row {
  return {
    ...row,
    replication: 'none',
    connect_time: time(row['connect_ms']),
    request_time: time(row['request_ms']),
    wait: '0',
    wait_us: '0',
    ptr: row['remote_pid'] ?? '',
    link: row['link_gateway'] ? `${row['link_gateway']}/${row['link_channel']}` : '',
    tls: row['tls'] ?? '',
    application_name: row['application_name'] ?? '',
  };
}

function time(ms: Cell | undefined): Cell {
  return ms === null || ms === undefined ? null : utcText(Number(ms));
}

/** One row for each number, summed over the databases. */
function sums(rows: readonly Row[]): Row[] {
  const names = viewColumns.stats.map(({ name }) => name).filter((name) => name !== 'database');
  return names.map((name) => {
    let sum = 0n;
    for (const row of rows) sum += BigInt(row[name] ?? 0);
    return { name, value: String(sum) };
  });
}

/** PgBouncer's "SHOW LISTS"; it keeps freed objects for later and asks the DNS itself, we do neither. */
async function lists(hub: Hub): Promise<Gathered> {
  const [gateways, pools, databases, users] = await Promise.all([
    hub.gateways('gateways'),
    hub.pooler('pools'),
    hub.pooler('databases'),
    hub.pooler('users'),
  ]);
  const items: [string, number][] = [
    ['databases', databases.rows.length],
    ['users', users.rows.length],
    ['pools', pools.rows.length],
    ['free_clients', 0],
    ['used_clients', total(gateways.rows, 'sessions')],
    ['login_clients', total(gateways.rows, 'logins')],
    ['free_servers', 0],
    ['used_servers', total(databases.rows, 'current_connections')],
    ['dns_names', 0],
    ['dns_zones', 0],
    ['dns_queries', 0],
    ['dns_pending', 0],
    ['gateways', gateways.rows.length],
  ];
  const notices = [...gateways.notices, ...pools.notices, ...databases.notices, ...users.notices];
  return { rows: items.map(([list, count]) => ({ list, items: String(count) })), notices };
}

async function state(hub: Hub, self: string): Promise<Gathered> {
  const [gateways, databases] = await Promise.all([hub.gateways('gateways'), hub.pooler('databases')]);
  const { rows } = databases;
  const paused = rows.length > 0 && rows.every((row) => row['paused'] === '1');
  const draining = gateways.rows.some((row) => row['name'] === self && row['draining'] === '1');
  const word = (yes: boolean): string => (yes ? 'yes' : 'no');
  const states: Row[] = [
    { key: 'active', value: word(!paused && !draining) },
    { key: 'paused', value: word(paused) },
    { key: 'suspended', value: 'no' },
    { key: 'draining', value: word(draining) },
  ];
  return { rows: states, notices: databases.notices };
}

function total(rows: readonly Row[], name: string): number {
  return rows.reduce((sum, row) => sum + Number(row[name] ?? 0), 0);
}

function join(a: Gathered, b: Gathered): Gathered {
  return { rows: [...a.rows, ...b.rows], notices: [...a.notices, ...b.notices] };
}

function only(row: Row): Gathered {
  return { rows: [row], notices: [] };
}
