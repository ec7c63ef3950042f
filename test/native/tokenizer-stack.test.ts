import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import { fixtureFile, writeOnce } from '../../src/testing/gguf/fixtures.js';
import { fixtureFolder } from './fixture-folder.js';

/** A fixture whose text is cut by llama.cpp's general regular expressions, which recurse for every character. */
function withPreTokenizer(name: string): string {
  const file = fixtureFile('llama');
  const metadata = file.metadata.map(([key, value]) =>
    key === 'tokenizer.ggml.pre'
      ? ([key, { type: 'string', value: name }] as const)
      : ([key, value] as const),
  );
  return writeOnce(join(fixtureFolder, `llama-pre-${name}.gguf`), { ...file, metadata });
}

test.each(['tekken', 'deepseek-v3', 'gpt-4o', 'deepseek-coder'])(
  'a prompt of one endless word does not overflow the stack of the tokenizer %s',
  async (name) => {
    const engine = createThreadEngine(name);
    await engine.load({
      modelPath: withPreTokenizer(name),
      contextSize: 256,
      slots: 1,
      batchSize: 64,
      threads: 1,
    });
    for (const character of ['a', ' ', '\n', '=', '7', '你']) {
      const tokens = await engine.tokenize(character.repeat(100_000));
      expect(tokens.length).toBeGreaterThan(100);
    }
    await engine.close();
  },
);
