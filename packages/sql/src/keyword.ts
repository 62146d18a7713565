import { assert } from '@multigres/core';

/**
 * The words that the classifier must recognise, as small numbers. Not PostgreSQL's whole keyword list: a word that
 * is missing here is treated as a plain identifier, which is right for every keyword that neither starts a statement,
 * nor stands before or in place of a function call.
 *
 * Sources: PostgreSQL documentation, appendix "SQL Key Words"; the flags follow its four categories (reserved, column
 * name, type or function name, unreserved).
 */

/** Reserved, or only usable as a column name: followed by `(` it is syntax, never a call of a user's function. */
const neverCalled =
  'all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create ' +
  'current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc ' +
  'distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral ' +
  'leading limit localtime localtimestamp not null offset on only or order placing primary references returning ' +
  'select session_user some symmetric system_user table then to trailing true union unique user using variadic when ' +
  'where window with ' +
  'between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int ' +
  'integer interval json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar ' +
  'json_serialize json_table json_value least merge_action national nchar none normalize nullif numeric out overlay ' +
  'position precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes ' +
  'xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable';

/** May be a function's name, and an expression (so also a call) may follow them directly. */
const introducing =
  'by content document escape execute first groups ilike join like next overlaps passing path range ref rows ' +
  'tablesample value version zone';

/** May be a function's name; no expression follows them. Statement heads and the words that decide their meaning. */
const plain =
  'abort absolute alter alter_replication_slot atomic authorization base_backup begin binary bernoulli call cascade ' +
  'catalog chain characteristics checkpoint close cluster comment commit concurrently conflict constraints continue copy ' +
  'create_replication_slot cross cube current cursor cycle data database deallocate declare delete discard domain ' +
  'drop drop_replication_slot explain extension full function generated global hold identify_system if ' +
  'immediate import index inner insert insensitive is isnull key label left listen load local lock materialized ' +
  'matched merge move names natural no notify notnull of off operator option outer over partition plans prepare ' +
  'prepared procedure program public read read_replication_slot reassign recursive refresh reindex release ' +
  'repack replace reset revoke right role rollback rollup rule savepoint schema scroll search second security sequence sequences ' +
  'session set sets setseed share show similar snapshot start start_replication statistics stdin stdout subscription ' +
  'system tablespace temp temporary timeline_history transaction trigger truncate type unlisten unlogged update ' +
  'upload_manifest vacuum varying verbose view without work write xml';

const names: readonly string[] = ['', ...neverCalled.split(' '), ...introducing.split(' '), ...plain.split(' ')];

const NEVER_CALLED = 1;
const INTRODUCES = 2;
const neverCalledCount = neverCalled.split(' ').length;
const introducingCount = introducing.split(' ').length;

const flags: Uint8Array = Uint8Array.from(names, (_, id) => {
  if (id === 0) return 0;
  if (id <= neverCalledCount) return NEVER_CALLED | INTRODUCES;
  return id <= neverCalledCount + introducingCount ? INTRODUCES : 0;
});

const SLOTS = 2048;
const slots: Uint16Array = new Uint16Array(SLOTS);

/** The hash that the scanner computes on the way: each character with bit 5 set, so upper and lower case agree. */
export function hashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 32)) | 0;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 11)) & (SLOTS - 1);
}

for (let id = 1; id < names.length; id++) {
  const name = names[id] as string;
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = hashStep(hash, name.charCodeAt(i));
  let slot = slotOf(hash);
  while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
  slots[slot] = id;
}

function spells(text: string, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(start + i);
    const lower = code >= 65 && code <= 90 ? code | 32 : code;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** The keyword in text[start, end), whose hash is `hash`; 0 when it is a plain identifier. No allocation. */
export function keywordAt(text: string, start: number, end: number, hash: number): number {
  for (let slot = slotOf(hash); ; slot = (slot + 1) & (SLOTS - 1)) {
    const id = slots[slot] as number;
    if (id === 0) return 0;
    const name = names[id] as string;
    if (name.length === end - start && spells(text, start, name)) return id;
  }
}

/** Whether `word (` is syntax and never a function call. */
export function isNeverCalled(word: number): boolean {
  return ((flags[word] as number) & NEVER_CALLED) !== 0;
}

/** Whether an expression may stand directly after the word. */
export function introducesExpression(word: number): boolean {
  return ((flags[word] as number) & INTRODUCES) !== 0;
}

/** The number of a word, for tables built at load time. Unknown words are our own mistake. */
export function wordId(name: string): number {
  const id = names.indexOf(name);
  assert(id > 0, `the keyword list holds "${name}"`);
  return id;
}
