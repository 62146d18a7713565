type Check = (value: unknown) => string | undefined;

type Fields = Readonly<Record<string, Check>>;

const text: Check = (value) => (typeof value === 'string' ? undefined : 'must be a text');
const number: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : 'must be a finite number';
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');
const any: Check = () => undefined;
const list =
  (item: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((one) => item(one) === undefined) ? undefined : 'must be a list of texts';

/** The value as an object that has exactly these fields; throws an Error that names the field. */
function object(value: unknown, where: string, fields: Fields): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${where} must be an object`);
  const given = value as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) throw new Error(`${where}: unknown field ${name}`);
  }
  for (const [name, check] of Object.entries(fields)) {
    const wrong = check(given[name]);
    if (wrong !== undefined || !Object.hasOwn(given, name))
      throw new Error(`${where}: ${name} ${wrong ?? 'is missing'}`);
  }
  return given;
}

/** Just enough checking of shapes for files that people edit. */
export const shape: {
  text: Check;
  number: Check;
  flag: Check;
  any: Check;
  list: (item: Check) => Check;
  object: typeof object;
} = { text, number, flag, any, list, object };

export type { Check, Fields };
