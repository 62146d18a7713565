import { parseLsn, type Lsn } from '@multigres/core';

/** What a walsender understands (PostgreSQL documentation, "Streaming Replication Protocol"). */
export type ReplicationCommand =
  | { readonly kind: 'identifySystem' }
  | { readonly kind: 'timelineHistory'; readonly timeline: number }
  | { readonly kind: 'show'; readonly name: string }
  | { readonly kind: 'createSlot'; readonly name: string; readonly reserve: boolean }
  | { readonly kind: 'dropSlot'; readonly name: string }
  | { readonly kind: 'baseBackup' }
  | {
      readonly kind: 'start';
      readonly slot: string | undefined;
      readonly start: Lsn;
      /** 0: the server's own. */
      readonly timeline: number;
    };

/** Undefined if the model does not know it. */
export function parseReplicationCommand(text: string): ReplicationCommand | undefined {
  const trimmed = text.trim().replace(/;$/, '');
  if (/^IDENTIFY_SYSTEM$/i.test(trimmed)) return { kind: 'identifySystem' };
  if (/^BASE_BACKUP$/i.test(trimmed)) return { kind: 'baseBackup' };
  const history = /^TIMELINE_HISTORY\s+(\d+)$/i.exec(trimmed);
  if (history !== null) return { kind: 'timelineHistory', timeline: Number(history[1]) };
  const show = /^SHOW\s+(\w+)$/i.exec(trimmed);
  if (show !== null) return { kind: 'show', name: show[1] as string };
  const create =
    /^CREATE_REPLICATION_SLOT\s+"?([a-z0-9_]+)"?\s+PHYSICAL(\s+RESERVE_WAL|\s*\(.*RESERVE_WAL.*\))?$/i.exec(trimmed);
  if (create !== null) return { kind: 'createSlot', name: create[1] as string, reserve: create[2] !== undefined };
  const drop = /^DROP_REPLICATION_SLOT\s+"?([a-z0-9_]+)"?(?:\s+WAIT)?$/i.exec(trimmed);
  if (drop !== null) return { kind: 'dropSlot', name: drop[1] as string };
  const start =
    /^START_REPLICATION(?:\s+SLOT\s+"?([a-z0-9_]+)"?)?(?:\s+PHYSICAL)?\s+([0-9A-F]+\/[0-9A-F]+)(?:\s+TIMELINE\s+(\d+))?$/i.exec(
      trimmed,
    );
  const lsn = start === null ? undefined : parseLsn(start[2] as string);
  if (start === null || lsn === undefined) return undefined;
  return { kind: 'start', slot: start[1], start: lsn, timeline: Number(start[3] ?? 0) };
}
