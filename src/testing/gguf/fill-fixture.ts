import path from 'node:path';
import { fixtureFile, writeOnce } from './fixtures.js';

/** What the fill fixture's vocabulary has for texts with a gap: the bytes 1, 2 and 3. */
export const fixtureFillTokens = { prefix: 1, suffix: 2, middle: 3 } as const;

/** Writes a llama fixture that can fill in the middle, unless it is there already, and returns the path. */
export function writeFillFixture(directory: string): string {
  const file = fixtureFile('llama');
  return writeOnce(path.join(directory, 'llama-fill.gguf'), {
    ...file,
    metadata: [
      ...file.metadata,
      ['tokenizer.ggml.fim_pre_token_id', { type: 'uint32', value: fixtureFillTokens.prefix }],
      ['tokenizer.ggml.fim_suf_token_id', { type: 'uint32', value: fixtureFillTokens.suffix }],
      ['tokenizer.ggml.fim_mid_token_id', { type: 'uint32', value: fixtureFillTokens.middle }],
    ],
  });
}
