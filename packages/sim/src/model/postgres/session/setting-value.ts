import { parseBoolean } from '../sql/type-text.ts';
import {
  booleanParameter,
  integerOutOfRange,
  invalidParameterUnit,
  invalidParameterValue,
  unsupported,
} from '../errors.ts';
import { canonicalTimeZone } from '../sql/timestamp.ts';
import type { SettingDefinition } from './setting-table.ts';

const timeUnits: readonly (readonly [string, number])[] = [
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
];
const memoryUnits: readonly (readonly [string, number])[] = [
  ['B', 1 / 1024],
  ['kB', 1],
  ['MB', 1024],
  ['GB', 1_048_576],
  ['TB', 1_073_741_824],
];

const unitSize: Readonly<Record<NonNullable<SettingDefinition['unit']>, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  kB: 1,
  '8kB': 8,
  MB: 1024,
};

const isTime = (unit: SettingDefinition['unit']): boolean => unit === 'ms' || unit === 's' || unit === 'min';

/** Checks a value as Postgres does and answers it in canonical form, numbers in the parameter's base unit. */
export function checkSetting(definition: SettingDefinition, value: string, current: string): string {
  switch (definition.kind) {
    case 'bool': {
      const parsed = parseBoolean(value);
      if (parsed === undefined) throw booleanParameter(definition.name);
      return parsed ? 'on' : 'off';
    }
    case 'integer':
      return checkInteger(definition, value);
    case 'real':
      if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(value))
        throw invalidParameterValue(definition.name, value);
      return String(Number(value));
    case 'enum': {
      const wanted = value.toLowerCase();
      const found = (definition.values ?? []).find((candidate) => candidate === wanted) ?? synonym(definition, wanted);
      if (found === undefined) {
        throw invalidParameterValue(
          definition.name,
          value,
          `Available values: ${(definition.values ?? []).join(', ')}.`,
        );
      }
      return found;
    }
    default:
      return checkString(definition, value, current);
  }
}

/** Hidden spellings that some enums take. */
function synonym(definition: SettingDefinition, value: string): string | undefined {
  const values = definition.values ?? [];
  const parsed = values.includes('on') && values.includes('off') ? parseBoolean(value) : undefined;
  return parsed === undefined ? undefined : parsed ? 'on' : 'off';
}

function checkInteger(definition: SettingDefinition, value: string): string {
  const match = /^\s*([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(value);
  if (match === null) throw invalidParameterValue(definition.name, value);
  let number = Number(match[1]);
  const unit = match[2] as string;
  if (unit !== '') {
    const units = definition.unit === undefined ? [] : isTime(definition.unit) ? timeUnits : memoryUnits;
    const factor = units.find(([name]) => name === unit)?.[1];
    if (factor === undefined) throw invalidParameterUnit(definition.name, value, definition.unit);
    number = (number * factor) / unitSize[definition.unit as 'ms'];
  }
  const rounded = Math.round(number);
  const { least = 0, greatest = 0 } = definition;
  if (rounded < least || rounded > greatest) throw integerOutOfRange(definition, rounded, least, greatest);
  return String(rounded === 0 ? 0 : rounded);
}

function checkString(definition: SettingDefinition, value: string, current: string): string {
  switch (definition.name) {
    case 'TimeZone': {
      const zone = canonicalTimeZone(value);
      if (zone !== undefined) return zone;
      if (/^[A-Za-z]+\/[A-Za-z_]+$/.test(value) && !/nowhere/i.test(value)) throw unsupported(`time zone ${value}`);
      throw invalidParameterValue(definition.name, value);
    }
    case 'client_encoding':
      if (/^(utf-?8|unicode)$/i.test(value)) return /^utf8$/i.test(value) ? 'UTF8' : value;
      if (/^(latin|sql_ascii|win|iso|euc|koi|big5|sjis|gbk)/i.test(value))
        throw unsupported(`client_encoding ${value}`);
      throw invalidParameterValue(definition.name, value);
    case 'DateStyle':
      return checkDateStyle(value, current);
    case 'application_name':
      return value.slice(0, 63).replace(/[^\x20-\x7e]/g, '?');
    default:
      return value;
  }
}

const dateFormats: ReadonlyMap<string, string> = new Map([
  ['iso', 'ISO'],
  ['postgres', 'Postgres'],
  ['sql', 'SQL'],
  ['german', 'German'],
]);
const dateOrders: ReadonlyMap<string, string> = new Map([
  ['mdy', 'MDY'],
  ['us', 'MDY'],
  ['noneuro', 'MDY'],
  ['dmy', 'DMY'],
  ['euro', 'DMY'],
  ['european', 'DMY'],
  ['ymd', 'YMD'],
]);

/** Two words in any order; what is missing stays as by default. */
function checkDateStyle(value: string, current: string): string {
  let [format = 'ISO', order = 'MDY'] = current.split(', ');
  let orderGiven = false;
  for (const part of value.split(',').map((word) => word.trim().toLowerCase())) {
    const asFormat = dateFormats.get(part);
    const asOrder = dateOrders.get(part);
    if (asFormat !== undefined) {
      format = asFormat;
      if (asFormat === 'German' && !orderGiven) order = 'DMY';
    } else if (asOrder !== undefined) {
      order = asOrder;
      orderGiven = true;
    } else if (part !== 'default') throw invalidParameterValue('DateStyle', value);
  }
  return `${format}, ${order}`;
}

/** As SHOW shows it: the largest unit that divides the value. */
export function showSetting(definition: SettingDefinition, value: string): string {
  if (definition.unit === undefined || definition.kind !== 'integer') return value;
  const inBase = Number(value) * unitSize[definition.unit];
  if (inBase <= 0) return value;
  const units = isTime(definition.unit) ? timeUnits : memoryUnits;
  const [name, factor] = units.findLast(([, size]) => size >= 1 && inBase % size === 0) as readonly [string, number];
  return `${inBase / factor}${name}`;
}
