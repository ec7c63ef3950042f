import { z } from 'zod';

/** Milliseconds in the units of a Go duration. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const part = '(?:\\d+\\.?\\d*|\\.\\d+)';
const unit = '(?:ns|us|µs|ms|s|m|h)';
const duration = new RegExp(`^[+-]?(?:${part}|(?:${part}${unit})+)$`);
const parts = new RegExp(`(${part})(${unit})`, 'g');

const wrong =
  'keep_alive must be a duration such as "5m", a number of seconds, 0, or negative to stay loaded';

/**
 * How long a model stays when nobody uses it, milliseconds: a number of seconds, or a text such as `5m`, `1h30m` or `-1`
 * (numbers without a unit are seconds). Negative: infinite.
 */
export const keepAlive = z
  .union([z.number(), z.string().max(64, wrong).regex(duration, wrong)], wrong)
  .transform(toMilliseconds)
  .optional();

function toMilliseconds(value: number | string): number {
  const text = String(value);
  if (text.startsWith('-') && /[1-9]/.test(text)) return Infinity;
  if (typeof value === 'number') return Math.abs(value) * 1000;
  const found = [...text.matchAll(parts)];
  if (found.length === 0) return Math.abs(Number(text)) * 1000;
  return found.reduce((sum, [, count, name = '']) => sum + Number(count) * (units[name] ?? 0), 0);
}
