import type { Prompt, Token } from '../../core/generation.js';
import type { Engine } from '../../engine/engine.js';

/** Bytes of a token at most, as far as it matters here: what is cut off before tokenizing need not be read. */
const longestToken = 256;

/**
 * Texts as inputs that a model can read: of one that is too long as many tokens as fit, with those that the model wants
 * around it.
 */
export async function cutInputs(engine: Engine, texts: readonly string[]): Promise<Prompt[]> {
  const { causal, contextSize, batchSize, longestTokenBytes } = engine.info;
  const most = causal ? contextSize : batchSize;
  const longest = most * Math.min(longestTokenBytes, longestToken);
  return Promise.all(
    texts.map(async (text): Promise<Prompt> => {
      const beginning = text.slice(0, longest);
      const [full = [], bare = []] = await Promise.all(
        [true, false].map(async (addSpecial) =>
          engine.tokenize(beginning, { addSpecial, parseSpecial: true }),
        ),
      );
      return { kind: 'tokens', tokens: cutTokens(full, bare, most) };
    }),
  );
}

/**
 * @param full the tokens of a text with those around it
 * @param bare the same without these
 * @param most tokens in all
 */
export function cutTokens(full: readonly Token[], bare: readonly Token[], most: number): readonly Token[] {
  if (full.length <= most) return full;
  const around = full.length - bare.length;
  const before = Array.from({ length: around + 1 }, (_, at) => at).find((at) =>
    bare.every((token, index) => full[at + index] === token),
  );
  if (before === undefined) return full.slice(0, most); // the text is read otherwise with tokens around it
  const after = around - before;
  return [...full.slice(0, most - after), ...full.slice(full.length - after)];
}
