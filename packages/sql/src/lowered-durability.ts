import type { StatementKind } from './classification.ts';
import type { Facts } from './facts.ts';

const mention = /synchronous_commit/i;

/** What may be done with the setting's name besides setting it: it is a value like any other there. */
const mayMention: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'release',
  'rollbackTo',
  'set',
  'reset',
  'show',
  'discard',
  'copyIn',
  'copyOut',
  'declare',
  'empty',
]);

/** Values that wait for the quorum's disks (PostgreSQL documentation, "synchronous_commit"); `on` has other spellings. */
const waits: ReadonlySet<string> = new Set(['on', 'remote_apply', 'true', 'yes', '1', 't', 'y', 'tr', 'tru', 'ye']);

/**
 * Whether the text may let commits be acknowledged before their quorum has them: it sets `synchronous_commit` to less than `on`, or to what nobody can read
 * here, or mentions it where it would take effect later or elsewhere (ALTER ROLE, the body of a function or of DO). Not seen: a name put together at run
 * time, and functions that are there already.
 */
export function lowersDurability(text: string, statements: readonly Facts[]): boolean {
  if (!mention.test(text)) return false;
  const constantForms = statements.filter(({ setting }) => setting?.form === 'function').length;
  const calls = text.match(/set_config/gi)?.length ?? 0;
  if (calls > constantForms || /pg_settings/i.test(text.replace(/\bfrom\s+(pg_catalog\.)?pg_settings/gi, '')))
    return true;
  return statements.some(lowers);
}

/** The same of a startup setting; `options` is the command line of the backend. */
export function startsWithLess(name: string, value: string): boolean {
  if (name === 'options') return mention.test(value);
  return name.toLowerCase() === 'synchronous_commit' && !waits.has(value.toLowerCase());
}

function lowers({ kind, setting }: Facts): boolean {
  if (setting === undefined) return !mayMention.has(kind) || kind === 'set';
  if (setting.name !== 'synchronous_commit' || setting.value === undefined) return false;
  return setting.literal === undefined || !waits.has(setting.literal.toLowerCase());
}
