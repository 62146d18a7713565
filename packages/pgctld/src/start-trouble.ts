import { sqlstate } from '@multigres/core';
import type { StartTrouble } from './errors.ts';

interface Known {
  readonly sign: RegExp;
  readonly sqlstate: string;
  /** `$1` and so on are the groups of the sign. */
  readonly message: string;
  readonly hint?: string;
}

/** What servers say when they cannot start, most specific first. */
const known: readonly Known[] = [
  {
    sign: /No space left on device/,
    sqlstate: sqlstate.diskFull,
    message: 'Postgres cannot start: the disk is full',
    hint: 'Free space on the disk of the data directory.',
  },
  {
    sign: /could not bind \S+ address "([^"]+)"(?:[^\n]*): Address already in use/,
    sqlstate: sqlstate.systemError,
    message: 'Postgres cannot start: its address $1 is in use',
    hint: 'Stop the other program, or give Postgres another port.',
  },
  {
    sign: /lock file "([^"]*\.s\.PGSQL\.\d+\.lock)" already exists/,
    sqlstate: sqlstate.systemError,
    message: 'Postgres cannot start: its socket is in use (lock file "$1")',
    hint: 'Stop the other server, or give Postgres another port or socket directory.',
  },
  {
    sign: /pre-existing shared memory block/,
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'Postgres cannot start: processes of an earlier server are still using the data directory',
    hint: 'End those processes; a backend may have outlived its postmaster.',
  },
  {
    sign: /lock file "postmaster\.pid" already exists/,
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'Postgres cannot start: another server may be using the data directory',
    hint: 'Look at the process that the lock file names.',
  },
  {
    sign: /initialized by PostgreSQL version (\S+), which is not compatible with this version ([^\s.]+(?:\.\d+)?)/,
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'Postgres cannot start: the data directory was made by PostgreSQL $1, the programs are $2',
    hint: 'Use the programs of that version, or upgrade the data with pg_upgrade.',
  },
  {
    sign: /data directory "[^"]*" has (?:invalid permissions|wrong ownership)/,
    sqlstate: sqlstate.insufficientPrivilege,
    message: 'Postgres cannot start: owner or permissions of the data directory are wrong',
    hint: 'It must belong to the user who runs Postgres, with permissions 0700 or 0750.',
  },
  {
    sign: /(?:could not create shared memory|could not map anonymous shared memory|Cannot allocate memory)/,
    sqlstate: sqlstate.outOfMemory,
    message: 'Postgres cannot start: the operating system gives it too little memory',
  },
  {
    sign: /configuration file "([^"]+)" contains errors/,
    sqlstate: sqlstate.invalidParameterValue,
    message: 'Postgres cannot start: the configuration file "$1" contains errors',
  },
  {
    sign: /Permission denied/,
    sqlstate: sqlstate.insufficientPrivilege,
    message: 'Postgres cannot start: permission denied',
    hint: 'The user who runs Postgres must be able to reach its directories.',
  },
];

const linesMax = 12;

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

/** Of the collected log, what the process `pid` wrote first and everything after it: older lines are another start's. */
function linesSince(collected: string, pid: number | undefined): readonly string[] {
  const lines = linesOf(collected);
  const first = lines.findIndex((line) => line.includes(`[${pid}]`));
  return first === -1 ? [] : lines.slice(first);
}

/** What is known of a start that failed. */
export interface StartEvidence {
  /** Standard error until the log collector took over; of this start only. */
  readonly startupLog: string;
  /** The end of the log collector's file. */
  readonly collectedLog: string;
  readonly pid: number | undefined;
  /** How the process ended, for people. */
  readonly exit: string;
}

/** The last lines that the server wrote during this start. */
export function logTail(evidence: StartEvidence): string {
  return [...linesOf(evidence.startupLog), ...linesSince(evidence.collectedLog, evidence.pid)]
    .slice(-linesMax)
    .join('\n');
}

/** Whether the server has said why it ended. Its log collector is a process of its own and may write that a moment later. */
export function isConclusive(evidence: StartEvidence): boolean {
  const lines = [...linesOf(evidence.startupLog), ...linesSince(evidence.collectedLog, evidence.pid)];
  return lines.some((line) => /(?:FATAL|PANIC): {2}/.test(line));
}

/** Why a start failed, from the server's log. Always quotes what the server said, also where we do not know it. */
export function startTrouble(evidence: StartEvidence): StartTrouble {
  const text = [...linesOf(evidence.startupLog), ...linesSince(evidence.collectedLog, evidence.pid)].join('\n');
  const detail = logTail(evidence);
  for (const candidate of known) {
    const match = candidate.sign.exec(text);
    if (!match) continue;
    const message = candidate.message.replaceAll(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? '');
    return {
      sqlstate: candidate.sqlstate,
      message,
      detail,
      ...(candidate.hint === undefined ? {} : { hint: candidate.hint }),
    };
  }
  const said = /(?:FATAL|PANIC): {2}([^\n]+)/.exec(text)?.[1];
  const message =
    said === undefined ? `Postgres ended while starting (${evidence.exit})` : `Postgres cannot start: ${said}`;
  return { sqlstate: sqlstate.systemError, message, detail };
}
