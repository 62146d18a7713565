import { invalidDatetime, unsupported } from '../errors.ts';
import type { OutputStyle } from './type-text.ts';
import { oid } from './types.ts';

const microsPerDay = 86_400_000_000n;

/** Time zones with one offset all year, in minutes. Others may be set, but formatting a time in them is not modelled. */
const fixedZones: ReadonlyMap<string, number> = new Map([
  ['utc', 0],
  ['gmt', 0],
  ['etc/utc', 0],
  ['etc/gmt', 0],
  ['zulu', 0],
  ['universal', 0],
  ['asia/tokyo', 540],
  ['asia/kolkata', 330],
  ['asia/shanghai', 480],
  ['america/phoenix', -420],
]);

/** Zones that SET TimeZone takes besides: the ones that drivers and tests use. */
const seasonalZones: ReadonlyMap<string, string> = new Map(
  [
    'America/New_York',
    'America/Los_Angeles',
    'America/Chicago',
    'Europe/London',
    'Europe/Berlin',
    'Europe/Paris',
    'Europe/Vienna',
    'Europe/Zurich',
    'Australia/Sydney',
    'PST8PDT',
    'EST5EDT',
  ].map((name) => [name.toLowerCase(), name]),
);

const spellings: ReadonlyMap<string, string> = new Map(
  [
    'UTC',
    'GMT',
    'Etc/UTC',
    'Etc/GMT',
    'Zulu',
    'Universal',
    'Asia/Tokyo',
    'Asia/Kolkata',
    'Asia/Shanghai',
    'America/Phoenix',
  ].map((name) => [name.toLowerCase(), name]),
);

/** The name as SHOW spells it, or undefined if Postgres would refuse it. */
export function canonicalTimeZone(name: string): string | undefined {
  const key = name.toLowerCase();
  return spellings.get(key) ?? seasonalZones.get(key);
}

function offsetMinutes(timeZone: string): number {
  const fixed = fixedZones.get(timeZone.toLowerCase());
  if (fixed === undefined) throw unsupported(`a time in time zone ${timeZone}`);
  return fixed;
}

/** Days since 1970 of a date in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

function civilFromDays(days: number): readonly [year: number, month: number, day: number] {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

function isoDate(days: number): string {
  const [year, month, day] = civilFromDays(days);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
}

function requireIso(style: OutputStyle): void {
  if (!style.dateStyle.startsWith('ISO')) throw unsupported(`a date in DateStyle ${style.dateStyle}`);
}

export function formatDate(days: bigint, style: OutputStyle): string {
  requireIso(style);
  return isoDate(Number(days));
}

/** ISO style with as many fractional digits as are needed. */
export function formatTimestamp(micros: bigint, type: number, style: OutputStyle): string {
  requireIso(style);
  const offset = type === oid.timestamptz ? offsetMinutes(style.timeZone) : 0;
  const local = micros + BigInt(offset) * 60_000_000n;
  const days = local >= 0n ? local / microsPerDay : -((-local + microsPerDay - 1n) / microsPerDay);
  const time = Number(local - days * microsPerDay);
  const seconds = Math.floor(time / 1_000_000);
  const fraction = time % 1_000_000;
  let text = `${isoDate(Number(days))} ${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  if (fraction > 0) text += `.${pad(fraction, 6).replace(/0+$/, '')}`;
  if (type !== oid.timestamptz) return text;
  const absolute = Math.abs(offset);
  return `${text}${offset < 0 ? '-' : '+'}${pad(Math.floor(absolute / 60))}${absolute % 60 === 0 ? '' : `:${pad(absolute % 60)}`}`;
}

/** ISO 8601 dates and times only; other spellings are refused loudly because Postgres has many. */
export function parseTimestamp(text: string, type: number): bigint {
  const match =
    /^\s*(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?\s*$/.exec(
      text,
    );
  if (match === null) {
    if (/\d/.test(text)) throw unsupported(`the date ${text}`);
    throw invalidDatetime(
      type === oid.date ? 'date' : type === oid.timestamp ? 'timestamp' : 'timestamp with time zone',
      text,
    );
  }
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match;
  const days = BigInt(daysFromCivil(Number(year), Number(month), Number(day)));
  if (type === oid.date) return days;
  const micros = BigInt(
    (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1_000_000 + Number(fraction.padEnd(6, '0')),
  );
  return days * microsPerDay + micros - (type === oid.timestamptz ? zoneMicros(zone) : 0n);
}

function zoneMicros(zone: string | undefined): bigint {
  if (zone === undefined || zone === 'Z') return 0n;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.replace(':', '').slice(3) || '0');
  return BigInt(zone.startsWith('-') ? -minutes : minutes) * 60_000_000n;
}
