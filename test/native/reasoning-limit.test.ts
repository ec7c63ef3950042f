import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createThreadEngine } from '../../src/engine/create-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const limit = { close: '</think>', closing: '\n</think>\n\n' };
const turn = '<|im_start|>user\nCount to ten.<|im_end|>\n<|im_start|>assistant\n';

const models = [
  { name: 'the starter model', path: () => starterModel },
  ...fixtureNames.map((name) => ({ name, path: () => writeFixture(name, fixtureFolder) })),
];

describe.each(models)('on $name', ({ path }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = createThreadEngine('test');
    await engine.load({ modelPath: path(), contextSize: 1024, slots: 2, batchSize: 256, threads: 1 });
  });
  afterAll(async () => engine.close());

  test('reasoning is ended after its tokens, of every choice, and the text before is that without a limit', async () => {
    const prompt = await engine.tokenize(turn, { addSpecial: false, parseSpecial: true });
    const closing = await engine.tokenize(limit.closing, { addSpecial: false, parseSpecial: true });
    const request = makeRequest({ prompt, choices: 2, stop: { maxTokens: 6, ignoreEos: true } });
    const before = await collect(engine.generate(request));
    const limited = await collect(
      engine.generate({
        ...request,
        id: `${request.id}-limited`,
        stop: { ...request.stop, maxTokens: 6 + closing.length + 3 },
        // A character of random bytes may not be complete, and is waited for: the limit is where it is.
        reasoningLimit: { ...limit, tokens: 6 },
        controlTokens: ['</think>'],
      }),
    );
    for (const [choice, text] of limited.texts.entries()) {
      const whole = before.texts[choice]?.replace(/\uFFFD+$/, '') ?? '';
      expect(text.startsWith(whole)).toBe(true);
      expect(text.indexOf(limit.closing)).toBeGreaterThanOrEqual(whole.length);
      expect(limited.completionTokens[choice]).toBe(6 + closing.length + 3);
    }
  });

  test('control tokens have text where it is asked for', async () => {
    const [start = -1] = await engine.tokenize('<|im_start|>', { addSpecial: false, parseSpecial: true });
    const [ordinary = -1] = await engine.tokenize('a', { addSpecial: false, parseSpecial: false });
    const write = async (token: number, controlTokens: string[]): Promise<string | undefined> => {
      const request = makeRequest({
        prompt: turn,
        sampling: { logitBias: [[token, 10_000]] },
        stop: { maxTokens: 2 },
      });
      return (await collect(engine.generate({ ...request, controlTokens }))).texts[0];
    };
    expect(await write(start, ['<|im_start|>'])).toBe('<|im_start|><|im_start|>');
    expect(await write(start, ['<|im_end|>'])).toBe('');
    expect(await write(start, [])).toBe('');
    expect(await write(ordinary, ['<|im_start|>'])).toBe('aa');
  });
});
