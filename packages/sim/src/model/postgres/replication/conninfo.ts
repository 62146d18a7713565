/** Reads a connection string of keywords and values (PostgreSQL documentation, "Connection Strings"). */
export function parseConninfo(text: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  const pattern = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']*))/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, name = '', quoted, plain = ''] = match;
    settings.set(name, (quoted ?? plain).replaceAll(/\\(.)/g, '$1'));
  }
  return settings;
}
