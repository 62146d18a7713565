import { parseDurationMs } from '@multigres/core';

const inSettings = /(?:^|;)SET "idle_session_timeout" TO ('(?:[^']|'')*'|[^;]*)/i;
const inFunction = /(?:^|;)SELECT pg_catalog\.set_config\('idle_session_timeout', '([^']*)', false\)/i;

/**
 * `idle_session_timeout` as the session has it: from its startup settings, or from the SQL of what it set later (see SessionSettings). Milliseconds;
 * 0 is none. Postgres would end the backend after that time, which is another session's by then, or nobody's; so the gateway ends the session.
 */
export function ownIdleTimeout(startup: readonly (readonly [string, string])[], settings: string): number {
  const set = settings === '' ? undefined : (inSettings.exec(settings)?.[1] ?? inFunction.exec(settings)?.[1]);
  const atStartup = startup.find(([name]) => name.toLowerCase() === 'idle_session_timeout')?.[1];
  const text = set === undefined || set.toLowerCase() === 'default' ? atStartup : set.replaceAll("'", '');
  return text === undefined ? 0 : (parseDurationMs(text) ?? 0);
}
