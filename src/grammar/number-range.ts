import { anyOf, group, inOrder, literal, repeated } from './gbnf-text.js';

/** Digits of a whole number that has no bound, at most. */
const mostDigits = 18;
/** Digits of a number with bounds: two different numbers of so many digits are never one floating-point number. */
const exactDigits = 15;

const digit = '[0-9]';
const largest = 10n ** BigInt(mostDigits) - 1n;

/** From the least to the most, both included; undefined for no bound. */
export interface NumberBounds {
  readonly least?: number;
  readonly most?: number;
  readonly leastIsExcluded: boolean;
  readonly mostIsExcluded: boolean;
}

/** Any number, as JSON has it: up to 16 digits before the point and after it. */
export const anyNumber = '"-"? ( "0" | [1-9] [0-9]{0,15} ) ( "." [0-9]{1,16} )? ( [eE] [-+]? [0-9]{1,2} )?';

/** GBNF for the whole numbers of a range, of up to 18 digits. @returns undefined when there are none */
export function integerRange(bounds: NumberBounds): string | undefined {
  const least = bounds.least === undefined ? -largest : scaled(bounds.least, 0, 'up', bounds.leastIsExcluded);
  const most = bounds.most === undefined ? largest : scaled(bounds.most, 0, 'down', bounds.mostIsExcluded);
  return signed(atLeast(least, -largest), atMost(most, largest), wholeNumbers);
}

/**
 * GBNF for decimal numbers of a range. They have so many digits at most that no rounding on reading them changes on which side
 * of a bound they are. @returns undefined when there are none
 */
export function decimalRange(bounds: NumberBounds): string | undefined {
  const size = Math.max(Math.abs(bounds.least ?? 0), Math.abs(bounds.most ?? 0));
  const isBounded = bounds.least !== undefined && bounds.most !== undefined;
  const before = size >= 1e15 ? mostDigits : Math.max(isBounded ? 1 : 9, String(Math.trunc(size)).length);
  const after = Math.max(0, exactDigits - before);
  const unit = 10n ** BigInt(after);
  const most = 10n ** BigInt(before) * unit - 1n;
  const low = bounds.least === undefined ? -most : scaled(bounds.least, after, 'up', bounds.leastIsExcluded);
  const high = bounds.most === undefined ? most : scaled(bounds.most, after, 'down', bounds.mostIsExcluded);
  return signed(atLeast(low, -most), atMost(high, most), (from, to) => decimals(from, to, after));
}

function atLeast(value: bigint, least: bigint): bigint {
  return value < least ? least : value;
}

function atMost(value: bigint, most: bigint): bigint {
  return value > most ? most : value;
}

/** @param positive GBNF for a range of numbers from 0 on */
function signed(
  least: bigint,
  most: bigint,
  positive: (least: bigint, most: bigint) => string,
): string | undefined {
  const options: string[] = [];
  if (most >= 0n && least <= most) options.push(positive(least > 0n ? least : 0n, most));
  // There is no "-0": it is the number 0 too, and 0 is in the part above.
  if (least < 0n && least <= most) options.push(group('"-"', positive(most < 0n ? -most : 1n, -least)));
  return options.length === 0 ? undefined : anyOf(options);
}

/** A number times a power of ten, rounded to the next whole number of the range that it bounds. */
function scaled(value: number, power: number, direction: 'up' | 'down', isExcluded: boolean): bigint {
  const [, sign = '', whole = '0', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(value)) ?? [];
  const shown = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const shift = Number(exponent) - fraction.length + power;
  if (shift >= 0) {
    const exact = shown * 10n ** BigInt(shift);
    // From 2 ** 53 on, the next number that a reader can tell from the bound is further away than 1.
    const step = Math.abs(value) < 2 ** 53 ? 1n : BigInt(2 ** (Math.floor(Math.log2(Math.abs(value))) - 52));
    return isExcluded ? exact + (direction === 'up' ? step : -step) : exact;
  }
  const divisor = 10n ** BigInt(-shift);
  const quotient = shown / divisor;
  const remainder = shown % divisor;
  const floor = remainder < 0n ? quotient - 1n : quotient;
  if (remainder === 0n) return isExcluded ? quotient + (direction === 'up' ? 1n : -1n) : quotient;
  return direction === 'up' ? floor + 1n : floor;
}

/** From 0 on. */
function wholeNumbers(least: bigint, most: bigint): string {
  const [low, high] = [String(least), String(most)];
  const options: string[] = [];
  for (let length = low.length; length <= high.length; length++) {
    const first = length === low.length ? low : `1${'0'.repeat(length - 1)}`;
    const last = length === high.length ? high : '9'.repeat(length);
    // All lengths in between are one option.
    if (length > low.length && length < high.length) {
      options.push(inOrder('[1-9]', repeated(digit, length - 1, high.length - 2)));
      length = high.length - 1;
    } else options.push(sameLength(first, last));
  }
  return anyOf(options);
}

/** Digit strings between two of the same length. */
function sameLength(low: string, high: string): string {
  if (low === '') return '';
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeated(digit, low.length, low.length);
  const [a, b] = [low.charCodeAt(0) - 48, high.charCodeAt(0) - 48];
  const [restOfLow, restOfHigh] = [low.slice(1), high.slice(1)];
  if (a === b) return inOrder(literal(String(a)), sameLength(restOfLow, restOfHigh));
  const [zeros, nines] = ['0'.repeat(restOfLow.length), '9'.repeat(restOfLow.length)];
  const lowIsOpen = restOfLow === zeros;
  const highIsOpen = restOfHigh === nines;
  const options: string[] = [];
  if (!lowIsOpen) options.push(inOrder(literal(String(a)), sameLength(restOfLow, nines)));
  const [from, to] = [lowIsOpen ? a : a + 1, highIsOpen ? b : b - 1];
  if (from <= to)
    options.push(inOrder(digits(from, to), repeated(digit, restOfLow.length, restOfLow.length)));
  if (!highIsOpen) options.push(inOrder(literal(String(b)), sameLength(zeros, restOfHigh)));
  return anyOf(options);
}

/** Numbers from 0 on with up to `after` digits behind the point; the bounds are in units of the last of these. */
function decimals(least: bigint, most: bigint, after: number): string {
  if (after === 0) return wholeNumbers(least, most);
  const unit = 10n ** BigInt(after);
  const padded = (value: bigint): string => String(value % unit).padStart(after, '0');
  const [lowWhole, highWhole] = [least / unit, most / unit];
  const any = `( "." ${repeated(digit, 1, after)} )?`;
  if (lowWhole === highWhole) {
    const [low, high] = [padded(least), padded(most)];
    return inOrder(
      literal(String(lowWhole)),
      behindPoint(low, (rest) => between(rest, high), least % unit === 0n),
    );
  }
  const lowIsOpen = least % unit === 0n;
  const highIsOpen = most % unit === unit - 1n;
  const options: string[] = [];
  if (!lowIsOpen)
    options.push(
      inOrder(
        literal(String(lowWhole)),
        behindPoint(padded(least), (low) => between(low, '9'.repeat(after)), false),
      ),
    );
  const [from, to] = [lowIsOpen ? lowWhole : lowWhole + 1n, highIsOpen ? highWhole : highWhole - 1n];
  if (from <= to) options.push(inOrder(wholeNumbers(from, to), any));
  if (!highIsOpen)
    options.push(
      inOrder(
        literal(String(highWhole)),
        behindPoint('0'.repeat(after), (low) => between(low, padded(most)), true),
      ),
    );
  return anyOf(options);
}

/** @param mayBeAbsent the whole number alone is in the range */
function behindPoint(low: string, fraction: (low: string) => string, mayBeAbsent: boolean): string {
  return group('"."', fraction(low)) + (mayBeAbsent ? '?' : '');
}

/** One digit or more behind the point, which with zeros behind them are between two fractions of the same length. */
function between(low: string, high: string): string {
  return fractionDigits(low, high, true);
}

function fractionDigits(low: string, high: string, isFirst: boolean): string {
  const length = low.length;
  if (length === 0) return '';
  const [zeros, nines] = ['0'.repeat(length), '9'.repeat(length)];
  if (low === zeros && high === nines) return repeated(digit, isFirst ? 1 : 0, length);
  const [a, b] = [low.charCodeAt(0) - 48, high.charCodeAt(0) - 48];
  const [restOfLow, restOfHigh] = [low.slice(1), high.slice(1)];
  const options: string[] = [];
  if (a === b) options.push(inOrder(literal(String(a)), fractionDigits(restOfLow, restOfHigh, false)));
  else {
    const [restZeros, restNines] = ['0'.repeat(length - 1), '9'.repeat(length - 1)];
    const lowIsOpen = restOfLow === restZeros;
    const highIsOpen = restOfHigh === restNines;
    if (!lowIsOpen) options.push(inOrder(literal(String(a)), fractionDigits(restOfLow, restNines, false)));
    const [from, to] = [lowIsOpen ? a : a + 1, highIsOpen ? b : b - 1];
    if (from <= to) options.push(inOrder(digits(from, to), repeated(digit, 0, length - 1)));
    if (!highIsOpen) options.push(inOrder(literal(String(b)), fractionDigits(restZeros, restOfHigh, false)));
  }
  // What ends here has zeros behind it.
  const mayEnd = !isFirst && low === zeros;
  return anyOf(options) === '' ? '' : mayEnd ? `( ${options.join(' | ')} )?` : anyOf(options);
}

function digits(from: number, to: number): string {
  return from === to ? literal(String(from)) : from === 0 && to === 9 ? digit : `[${from}-${to}]`;
}
