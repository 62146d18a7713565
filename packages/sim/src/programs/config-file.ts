/** One `name = value` of a configuration file; includes are settings named `include...`. */
export interface ConfigLine {
  readonly name: string;
  readonly value: string;
}

const linePattern = /^\s*([A-Za-z_][\w.]*)\s*(?:=|\s)\s*('(?:[^']|'')*'|[^\s#]+)?/;

/** PostgreSQL documentation, "Parameter Interaction via the Configuration File". */
export function parseConfig(text: string): ConfigLine[] {
  return text.split('\n').flatMap((line) => {
    const [, name, value = ''] = linePattern.exec(line) ?? [];
    return name === undefined ? [] : [{ name, value: unquoted(value) }];
  });
}

function unquoted(value: string): string {
  if (!value.startsWith("'")) return value;
  return value.slice(1, -1).replaceAll("''", "'").replaceAll('\\\\', '\\');
}

/** What a server finds when it reads a file and all that this includes; a later line wins. */
export async function readConfig(
  path: string,
  read: (path: string) => Promise<string | undefined>,
  list: (directory: string) => Promise<readonly string[]>,
): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  for (const { name, value } of parseConfig((await read(path)) ?? '')) {
    if (name === 'include' || name === 'include_if_exists') {
      for (const entry of await readConfig(value, read, list)) settings.set(...entry);
    } else if (name === 'include_dir') {
      const files = (await list(value)).filter((file) => file.endsWith('.conf'));
      for (const file of files) {
        for (const entry of await readConfig(`${value}/${file}`, read, list)) settings.set(...entry);
      }
    } else settings.set(name, value);
  }
  return settings;
}
