/**
 * What ALTER SYSTEM has set (postgresql.auto.conf), while no server runs that would write it. Postgres writes one setting per line.
 */

const settingOf = (line: string): string | undefined => /^\s*([A-Za-z_][\w.]*)\s*=?/.exec(line)?.[1]?.toLowerCase();

/** The file's text without these settings. Everything else stays, comments too. */
export function withoutSettings(text: string, names: readonly string[]): string {
  const kept = text.split('\n').filter((line) => {
    const name = settingOf(line);
    return name === undefined || !names.includes(name);
  });
  return kept.join('\n');
}

/** A string constant of postgresql.conf (PostgreSQL documentation, "Parameter Names and Values"). */
export function quotedSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** The file's text with `name` set to `value`, in place of what was set before. */
export function withSetting(text: string, name: string, value: string): string {
  const rest = withoutSettings(text, [name]);
  return `${rest === '' || rest.endsWith('\n') ? rest : `${rest}\n`}${name} = ${quotedSetting(value)}\n`;
}
