import type { Prompt, Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';

/** Tokens may stand for so much more or less than the text, as a part of it: some tokenizers add or drop spaces. */
const tolerance = 1 / 64;

/**
 * Where a prompt's messages end, in tokens; ascending. A token that is of two messages counts for the later one. They are
 * good for deciding, not for cutting: a tokenizer that adds or drops spaces moves them by a token or two.
 * @param tokens of the prompt
 * @returns none where nobody said, or where the tokens are not those of the text, byte for byte or nearly so
 */
export function promptBoundaries(
  runner: ModelRunner,
  prompt: Prompt,
  tokens: readonly Token[],
): readonly number[] {
  if (prompt.kind === 'fill-in-middle') return [];
  const { boundaries = [] } = prompt;
  if (boundaries.length === 0) return [];
  if (prompt.kind === 'tokens') return boundaries.filter((end) => end > 0 && end < tokens.length);
  const ends = byteOffsets(prompt.text, boundaries);
  const positions: number[] = [];
  // A token that the vocabulary asked for is not in the text.
  const first = prompt.addSpecial && runner.info.addsBos ? 1 : 0;
  let bytes = 0;
  for (let at = first; at < tokens.length; at++) {
    bytes += runner.writtenBytes(tokens[at] ?? 0);
    for (let end = ends[positions.length]; end !== undefined && bytes >= end; end = ends[positions.length])
      positions.push(bytes > end ? at : at + 1);
  }
  const written = Buffer.byteLength(prompt.text);
  return Math.abs(bytes - written) <= written * tolerance ? positions : [];
}

/** Offsets in UTF-16 units as offsets in UTF-8. */
function byteOffsets(text: string, offsets: readonly number[]): number[] {
  let [from, bytes] = [0, 0];
  return offsets.map((offset) => {
    bytes += Buffer.byteLength(text.slice(from, offset));
    from = offset;
    return bytes;
  });
}
