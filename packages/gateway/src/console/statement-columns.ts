import type { Column } from '@multigres/relay';
import type { ConsoleSettings } from './console-settings.ts';
import type { ConsoleStatement } from './statement.ts';
import { viewColumns } from './view-columns.ts';

/** What a statement's rows will look like, known before it runs; undefined if it has none. Throws 42601 for a setting that is none. */
export function columnsOf(statement: ConsoleStatement, settings: ConsoleSettings): readonly Column[] | undefined {
  switch (statement.kind) {
    case 'view':
      return viewColumns[statement.view];
    case 'showSetting':
      settings.show(statement.name);
      return [{ name: settings.spelled(statement.name), type: 'text' }];
    case 'select':
      return statement.items.map(({ column, value }) => ({
        name: column,
        type: 'number' in value && /^[+-]?\d{1,9}$/.test(value.number) ? 'int4' : 'text',
      }));
    default:
      return undefined;
  }
}
