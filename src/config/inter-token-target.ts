import { readDuration, type Reading } from './units.js';

/**
 * The time from one token of a stream to its next that steps are cut for, as people write it: `150ms`, or `none`.
 * @returns milliseconds; 0 for none
 */
export function readInterTokenTarget(value: unknown): Reading {
  if (value === 'none') return { value: 0 };
  const reading = readDuration(value);
  if ('problem' in reading) return { problem: `${reading.problem}; or "none"` };
  if (reading.value >= 10 && reading.value <= 60_000) return reading;
  return { problem: 'must be from 10ms to 1m, or "none"' };
}
