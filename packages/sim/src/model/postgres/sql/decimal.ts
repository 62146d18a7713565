import { divisionByZero } from '../errors.ts';

/** The type numeric: an integer divided by a power of ten, with as many digits after the point as it shows. */
export class Decimal {
  readonly unscaled: bigint;
  readonly scale: number;

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled;
    this.scale = scale;
  }

  static parse(text: string): Decimal | undefined {
    const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
    if (match === null) return undefined;
    const [, sign, whole = '', fraction = '', exponent = '0'] = match;
    if (whole === '' && fraction === '') return undefined;
    const digits = BigInt(`${whole}${fraction}`);
    const decimal = new Decimal(sign === '-' ? -digits : digits, fraction.length - Number(exponent));
    return decimal.scale < 0 ? decimal.rescale(0) : decimal;
  }

  /** Rounds half away from zero when digits go, as Postgres does. */
  rescale(scale: number): Decimal {
    if (scale >= this.scale) return new Decimal(this.unscaled * 10n ** BigInt(scale - this.scale), scale);
    const unit = 10n ** BigInt(this.scale - scale);
    const half = this.unscaled < 0n ? -unit / 2n : unit / 2n;
    return new Decimal((this.unscaled + half) / unit, scale);
  }

  plus(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.rescale(scale).unscaled + other.rescale(scale).unscaled, scale);
  }

  minus(other: Decimal): Decimal {
    return this.plus(new Decimal(-other.unscaled, other.scale));
  }

  times(other: Decimal): Decimal {
    return new Decimal(this.unscaled * other.unscaled, this.scale + other.scale);
  }

  /** With the scale that Postgres chooses (`select_div_scale`): at least 16 significant digits. */
  over(other: Decimal): Decimal {
    if (other.unscaled === 0n) throw divisionByZero();
    const scale = quotientScale(this, other);
    const shift = scale + 1 - this.scale + other.scale;
    const dividend = shift >= 0 ? this.unscaled * 10n ** BigInt(shift) : this.unscaled / 10n ** BigInt(-shift);
    return new Decimal(dividend / other.unscaled, scale + 1).rescale(scale);
  }

  remainder(other: Decimal): Decimal {
    if (other.unscaled === 0n) throw divisionByZero();
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.rescale(scale).unscaled % other.rescale(scale).unscaled, scale);
  }

  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const a = this.rescale(scale).unscaled;
    const b = other.rescale(scale).unscaled;
    return a < b ? -1 : a > b ? 1 : 0;
  }

  toString(): string {
    const negative = this.unscaled < 0n;
    const digits = (negative ? -this.unscaled : this.unscaled).toString().padStart(this.scale + 1, '0');
    const whole = digits.slice(0, digits.length - this.scale);
    const text = this.scale === 0 ? whole : `${whole}.${digits.slice(digits.length - this.scale)}`;
    return negative ? `-${text}` : text;
  }
}

/** Position and value of the first base-10000 digit, which is how Postgres stores a numeric. */
function leadingDigit(value: Decimal): { weight: number; digit: number } {
  const magnitude = value.unscaled < 0n ? -value.unscaled : value.unscaled;
  if (magnitude === 0n) return { weight: 0, digit: 0 };
  const padded = magnitude * 10n ** BigInt((4 - (value.scale % 4)) % 4);
  const digits = padded.toString();
  const groups = Math.ceil(digits.length / 4);
  const weight = groups - 1 - Math.ceil(value.scale / 4);
  return { weight, digit: Number(digits.slice(0, digits.length - 4 * (groups - 1))) };
}

function quotientScale(a: Decimal, b: Decimal): number {
  const first = leadingDigit(a);
  const second = leadingDigit(b);
  const weight = first.weight - second.weight - (first.digit <= second.digit ? 1 : 0);
  return Math.min(1000, Math.max(16 - weight * 4, a.scale, b.scale, 0));
}
