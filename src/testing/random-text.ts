import type { Grammar } from '../grammar/grammar.js';
import type { Random } from './random.js';

/**
 * A text of a grammar, drawn byte by byte.
 * @param start where the text begins; the beginning of the grammar when absent
 * @returns undefined when it has not ended after so many bytes
 */
export function randomText(
  grammar: Grammar,
  random: Random,
  most: number,
  start = grammar.start,
): string | undefined {
  let state = start;
  const bytes: number[] = [];
  while (bytes.length < most) {
    const next: [number, NonNullable<ReturnType<Grammar['afterByte']>>][] = [];
    for (let byte = 0; byte < 256; byte++) {
      const after = grammar.afterByte(state, byte);
      if (after !== null) next.push([byte, after]);
    }
    // What looks like structure is drawn more often: or most of each text would be the inside of its strings.
    const weights = next.map(([byte]) =>
      byte < 0x80 && /[",:{}[\]0-9]/.test(String.fromCharCode(byte)) ? 8 : 1,
    );
    const end = state.isComplete ? 8 : 0;
    let left = random.next() * (weights.reduce((sum, weight) => sum + weight, 0) + end) - end;
    if (left < 0) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    const index = weights.findIndex((weight) => (left -= weight) < 0);
    const [byte, after] = next[Math.max(0, index)] ?? [];
    if (byte === undefined || after === undefined) return undefined;
    bytes.push(byte);
    state = after;
  }
  return undefined;
}
