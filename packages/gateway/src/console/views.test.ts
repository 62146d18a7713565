import { PgError } from '@multigres/core';
import { encodeTable, tableOf, type Answer, type Question, type Table } from '@multigres/relay';
import { describe, expect, it } from 'vitest';
import { Hub } from './hub.ts';
import { viewColumns, type ViewName } from './view-columns.ts';
import { showView } from './views.ts';

type Fields = Readonly<Record<string, string | number>>;

function table(...rows: readonly Fields[]): Table {
  const names = Object.keys(rows[0] ?? {});
  return tableOf<Fields>(
    names.map((name) => [name, 'text', (row) => String(row[name])]),
    rows,
  );
}

const clientHere = { gateway: 'here', channel: 7, id: 70, state: 'idle', pins: '', connected_ms: 0 };
const clientThere = { ...clientHere, gateway: 'there', id: 71 };

/** A gateway `here`, another one that may be missing, and a pooler. */
function hub(other: Answer): Hub {
  const ask = async ({ to, body }: Question): Promise<readonly Answer[]> => {
    if (to === 'others') return [other];
    const sessions = {
      gateway: 'there',
      channel: 7,
      state: 'waiting',
      wait_ms: 1250,
      pins: 36,
      pinned_since_ms: 60_000,
    };
    const asked = String.fromCharCode(...body.subarray(4));
    return [{ from: 'pooler', body: encodeTable(asked === 'sessions' ? table(sessions) : table()) }];
  };
  return new Hub({ own: () => table(clientHere), ask });
}

async function shown(view: ViewName, from: Hub): Promise<Record<string, string | null>[]> {
  const { rows } = await showView(view, from, 'here');
  return rows.map((row) => Object.fromEntries(viewColumns[view].map(({ name }, at) => [name, row[at] ?? null])));
}

describe('a view', () => {
  const there: Answer = { from: 'there', body: encodeTable(table(clientThere)) };

  it('of clients puts together what gateways and the pooler know of each, though channels are alike', async () => {
    expect(await shown('clients', hub(there))).toMatchObject([
      {
        type: 'C',
        id: '70',
        gateway: 'here',
        state: 'idle',
        wait: '0',
        wait_us: '0',
        connect_time: '1970-01-01 00:00:00 UTC',
      },
      { type: 'C', id: '71', gateway: 'there', state: 'waiting', wait: '1', wait_us: '250000' },
    ]);
  });

  it('of pins has those alone that are pinned, with the reasons and since when', async () => {
    expect(await shown('pins', hub(there))).toMatchObject([
      { id: '71', gateway: 'there', reasons: 'tempObject,listen', since: '1970-01-01 00:01:00 UTC' },
    ]);
  });

  it('names who is missing, and shows the rest', async () => {
    const error = new PgError({ sqlstate: '57014', message: 'no answer from there' });
    const { rows, notices } = await showView('clients', hub({ from: 'there', error }), 'here');
    expect(rows).toHaveLength(1);
    expect(notices).toMatchObject([
      {
        severity: 'WARNING',
        sqlstate: '57014',
        message: 'there is missing from this view',
        detail: 'No answer from there.',
      },
    ]);
  });

  it('has no value for what nobody knows, but a 0 where monitoring expects numbers', async () => {
    const row = { database: 'd', total_query_count: 5 };
    const pooler = new Hub({
      own: () => table(),
      ask: async () => [{ from: 'pooler', body: encodeTable(table(row)) }],
    });
    expect(await shown('stats', pooler)).toMatchObject([{ database: 'd', total_query_count: '5', avg_recv: '0' }]);
    expect(await shown('users', pooler)).toMatchObject([{ pool_size: null }]);
  });
});
