/** What was read, or a sentence for whoever wrote it, beginning with "must" or "is". */
export type Reading = { readonly value: number } | { readonly problem: string };

/** Milliseconds. */
const timeUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const binaryUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const byteUnits: Readonly<Record<string, number>> = {
  ...binaryUnits,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const durationPart = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const sizePattern = /^(\d+(?:\.\d+)?)([a-z]*)$/i;

/**
 * A time as people write it: `500ms`, `30s`, `10m`, `1h30m`, `1d`. A number without a unit is refused, but for 0.
 * @returns milliseconds
 */
export function readDuration(value: unknown): Reading {
  if (value === 0) return { value: 0 };
  if (isBare(value)) {
    return { problem: `must have a unit: ${value}s, ${value}m or ${value}ms` };
  }
  const text = typeof value === 'string' ? value.replaceAll(/\s/g, '') : '';
  if (text === '0') return { value: 0 };
  if (!durationPattern.test(text)) {
    return {
      problem: `must be a time with its unit (ms, s, m, h, d), such as 30s or 10m, not ${shown(value)}`,
    };
  }
  const parts = [...text.matchAll(durationPart)];
  const sum = parts.reduce(
    (total, [, count, unit]) => total + Number(count) * timeUnits[unit as keyof typeof timeUnits],
    0,
  );
  return { value: Math.round(sum) };
}

/**
 * An amount of memory as people write it: `512MiB`, `12GiB`, `12.5 GB`. Bare numbers are refused, and so are `12G` and
 * `12Gi`, which some read as powers of 1000 and some as powers of 1024.
 * @returns bytes
 */
export function readBytes(value: unknown): Reading {
  if (isBare(value)) return { problem: `must have a unit: ${value}GiB or ${value}MiB` };
  const text = typeof value === 'string' ? value.replaceAll(/\s/g, '') : '';
  const [, count, unit = ''] = sizePattern.exec(text) ?? [];
  const name = Object.keys(byteUnits).find((known) => known.toLowerCase() === unit.toLowerCase());
  if (count !== undefined && name !== undefined) {
    return { value: Math.round(Number(count) * (byteUnits[name] ?? 1)) };
  }
  const letter = /^([kmgt])i?$/i.exec(unit)?.[1]?.toUpperCase();
  if (count !== undefined && letter !== undefined) {
    return {
      problem: `must say which unit: ${count}${letter}iB, of powers of 1024, or ${count}${letter}B, of powers of 1000`,
    };
  }
  return {
    problem: `must be an amount of memory with its unit, such as 12GiB or 512MiB, not ${shown(value)}`,
  };
}

/** The shortest form that {@link readDuration} reads as the same; `never` when infinite. */
export function writeDuration(milliseconds: number): string {
  if (milliseconds === Infinity) return 'never';
  if (milliseconds === 0) return '0s';
  const [unit, size] = largestUnit(milliseconds, timeUnits);
  return `${milliseconds / size}${unit}`;
}

/** The shortest form that {@link readBytes} reads as the same. */
export function writeBytes(bytes: number): string {
  const [unit, size] = largestUnit(bytes, binaryUnits);
  return `${bytes / size}${unit}`;
}

/** The largest unit of which it is a whole number. */
function largestUnit(value: number, units: Readonly<Record<string, number>>): [string, number] {
  const fitting = Object.entries(units).filter(([, size]) => value % size === 0);
  return fitting.at(-1) ?? ['', 1];
}

/** A value as a message shows it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'a list' : 'keys with values';
}

/** A number that lacks its unit, and nothing else. */
function isBare(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < Infinity;
}
