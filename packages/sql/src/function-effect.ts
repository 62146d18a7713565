import { harmlessFunctions } from './harmless-functions.ts';
import { PinReason } from './pin-reason.ts';
import { Trait } from './trait.ts';

/** What calling a function may do to the session (PinReason bits), to others (Trait bits), and what it ends. */
export interface FunctionEffect {
  readonly pins: number;
  readonly traits: number;
  readonly unpins: number;
}

const { advisoryLock, replication, role, sequence, setseed, settings } = PinReason;
const { locks, readsBackend, readsSequence, waits, writes } = Trait;

function effect(pins: number, traits: number, unpins = 0): FunctionEffect {
  return Object.freeze({ pins, traits, unpins });
}

export const harmless: FunctionEffect = effect(0, 0);
export const unknownEffect: FunctionEffect = effect(PinReason.unknownFunction, Trait.callsUnknown | writes);

/** Source: PostgreSQL documentation, chapter "Functions and Operators". */
const groups: readonly (readonly [effect: FunctionEffect, names: string])[] = [
  [effect(settings | role, writes), 'set_config'],
  [effect(setseed, writes), 'setseed'],
  [effect(sequence, writes), 'nextval setval'],
  [effect(0, readsSequence), 'currval lastval'],
  [
    effect(advisoryLock, locks),
    'pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared',
  ],
  [effect(0, locks), 'pg_advisory_unlock pg_advisory_unlock_shared'],
  [effect(0, locks, advisoryLock), 'pg_advisory_unlock_all'],
  [
    effect(0, locks),
    'pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared ' +
      'pg_export_snapshot',
  ],
  [effect(0, waits), 'pg_sleep pg_sleep_for pg_sleep_until'],
  [
    effect(0, readsBackend),
    'pg_backend_pid pg_listening_channels pg_prepared_statement pg_cursor pg_my_temp_schema inet_client_addr ' +
      'inet_client_port pg_get_backend_memory_contexts pg_replication_origin_session_is_setup ' +
      'pg_replication_origin_session_progress',
  ],
  [
    effect(replication, writes),
    'pg_replication_origin_session_setup pg_replication_origin_session_reset pg_replication_origin_xact_setup ' +
      'pg_replication_origin_xact_reset pg_create_logical_replication_slot pg_create_physical_replication_slot ' +
      'pg_copy_logical_replication_slot pg_copy_physical_replication_slot',
  ],
  [
    effect(0, writes),
    'txid_current pg_current_xact_id pg_notify pg_logical_emit_message pg_cancel_backend pg_terminate_backend ' +
      'pg_reload_conf pg_rotate_logfile pg_switch_wal pg_create_restore_point pg_promote pg_wal_replay_pause ' +
      'pg_wal_replay_resume pg_log_backend_memory_contexts pg_stat_reset pg_stat_reset_shared ' +
      'pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters pg_stat_reset_slru ' +
      'pg_stat_reset_replication_slot pg_stat_reset_subscription_stats pg_stat_clear_snapshot ' +
      'pg_stat_force_next_flush pg_drop_replication_slot pg_replication_slot_advance pg_replication_origin_create ' +
      'pg_replication_origin_drop pg_replication_origin_advance pg_import_system_collations ' +
      'brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list lo_close ' +
      'lo_creat lo_create lo_export lo_from_bytea lo_get lo_import lo_lseek lo_lseek64 lo_open lo_put lo_tell ' +
      'lo_tell64 lo_truncate lo_truncate64 lo_unlink loread lowrite',
  ],
];

const effects: ReadonlyMap<string, FunctionEffect> = new Map<string, FunctionEffect>([
  ...[...harmlessFunctions].map((name) => [name, harmless] as const),
  ...groups.flatMap(([what, names]) => names.split(' ').map((name) => [name, what] as const)),
]);

/** What a function of pg_catalog does, by its stored name; undefined when this package does not know it. */
export function functionEffect(name: string): FunctionEffect | undefined {
  const known = effects.get(name);
  if (known !== undefined) return known;
  // The statistics collector's readers are hundreds, and all alike.
  return name.startsWith('pg_stat_get_') ? harmless : undefined;
}
