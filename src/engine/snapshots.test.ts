import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { GenerateRequest } from '../core/generation.js';
import { TemporaryFolder } from '../testing/blocks.js';
import { CachedEngine, type CachedEngineOptions } from '../testing/cached-engine.js';
import { makeRequest } from '../testing/requests.js';

const system = `${'You are a weaver, and you answer briefly. '.repeat(8)}\n`;

const engines: CachedEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

/** An engine that counts the rows that it computes. */
function open(options: CachedEngineOptions): CachedEngine & { rows: number } {
  const engine = new CachedEngine({ contextSize: 4096, batchSize: 256, ...options });
  engines.push(engine);
  const counting = Object.assign(engine, { rows: 0 });
  const { runner } = engine;
  const decode = runner.decode.bind(runner);
  runner.decode = (batch) => {
    counting.rows += batch.rows;
    return decode(batch);
  };
  return counting;
}

/** A prompt whose first message is the system prompt; the fake model has a token for each byte. */
function ask(text: string, maxTokens = 4): GenerateRequest {
  const prompt = { kind: 'text' as const, text, addSpecial: false, parseSpecial: false };
  const boundaries = text.startsWith(system) ? [system.length, text.length] : [];
  return { ...makeRequest({ stop: { maxTokens } }), prompt: { ...prompt, boundaries } };
}

/** Serves requests that come at once. @returns what each took from the cache, and its text */
function serve(
  engine: CachedEngine,
  requests: readonly GenerateRequest[],
): { cached: number; text: string }[] {
  const answers = new Map(requests.map(({ id }) => [id, { cached: 0, text: '' }]));
  for (const [lane, request] of requests.entries()) engine.core.generate(request, lane);
  for (let steps = 0; !engine.core.idle; steps++) {
    if (steps > 5000) throw new Error('they never end');
    engine.core.step();
    for (const update of engine.core.takeUpdates()) {
      const answer = answers.get(update.requestId);
      if (answer === undefined || update.kind === 'failed') throw new Error('a request failed');
      if (update.kind === 'started') answer.cached = update.cachedTokens;
      if (update.kind === 'choice') answer.text += update.text;
    }
    engine.check();
  }
  return requests.flatMap(({ id }) => answers.get(id) ?? []);
}

const block = (count: number): number => count - (count % 64);

describe.each([
  ['cells and a state', 'fake:?canCut=false'],
  ['a state', 'fake:?canCut=false&memory=state'],
] as const)('prompts in a memory of %s', (_, modelPath) => {
  /** What is said without any cache. */
  const plain = (request: GenerateRequest): string | undefined => {
    const uncached = { ...request, id: `plain ${request.id}`, cache: { use: false, salt: '' } };
    return serve(open({ modelPath }), [uncached])[0]?.text;
  };

  test('take over the system prompt of another conversation', () => {
    const engine = open({ modelPath });
    const requests = ['What is a loom?', 'Who wove this?'].map((question) => ask(system + question));
    const [first, second] = requests.flatMap((request) => serve(engine, [request]));
    expect([first?.cached, second?.cached]).toEqual([0, block(system.length)]);
    expect([first?.text, second?.text]).toEqual(requests.map(plain));
  });

  test('take over what prompts without messages have had in common, from the third one on', () => {
    const engine = open({ modelPath });
    const text = (at: number): string => `${'So many words in common. '.repeat(20)}${at}${'x'.repeat(80)}`;
    const cached = [1, 2, 3].map((at) => serve(engine, [ask(text(at))])[0]?.cached);
    expect(cached).toEqual([0, 0, block(500)]);
  });

  test('of the next turn take over the answer before it too, but for a part of a block', () => {
    const engine = open({ modelPath, residentSlots: 0, slots: 2 });
    let history = `${system}Tell me more.`;
    let seen = 0;
    const lost: number[] = [];
    for (let turn = 1; turn <= 4; turn++) {
      const request = ask(history, 150);
      const [answer] = serve(engine, [request]);
      expect(answer?.text).toBe(plain(request));
      // Others come in between, so that nothing stays in the KV cache.
      engine.core.tidy();
      serve(
        engine,
        [1, 2].map((other) => ask(`${'y'.repeat(200)}${turn}${other}`)),
      );
      lost.push(seen - (answer?.cached ?? NaN));
      history += answer?.text ?? '';
      seen = Buffer.byteLength(history);
      history += ' And then?';
    }
    expect(Math.max(...lost)).toBeLessThan(70);
  });

  test.each([2 ** 20, 0])(
    'that come at once compute what they share once, with %i bytes of RAM',
    (hostBytes) => {
      const engine = open({ modelPath, slots: 8, hostBytes });
      const requests = Array.from({ length: 8 }, (__, who) => ask(`${system}I am number ${who}.`, 1));
      const answers = serve(engine, requests);
      const own = requests.reduce((sum, { prompt }) => sum + lengthOf(prompt) - block(system.length), 0);
      expect(engine.rows).toBeLessThanOrEqual(block(system.length) + own);
      expect(answers.filter(({ cached }) => cached >= block(system.length))).toHaveLength(7);
      expect(answers.map(({ text }) => text)).toEqual(requests.map(plain));
    },
  );

  test.each([2 ** 20, 0])('that are more than there are slots all end, with %i bytes of RAM', (hostBytes) => {
    const engine = open({ modelPath, slots: 2, residentSlots: 0, hostBytes });
    const requests = Array.from({ length: 9 }, (__, who) => ask(`${system}I am number ${who}.`, 6));
    const answers = serve(engine, requests);
    expect(answers.map(({ text }) => text)).toEqual(requests.map(plain));
    const { length } = answers.filter(({ cached }) => cached >= block(system.length));
    expect(length).toBeGreaterThanOrEqual(hostBytes > 0 ? 8 : 4);
  });

  test('leave nothing behind when the cache is cleared, or their clients leave, in the middle of an answer', async () => {
    const engine = open({ modelPath });
    const request = ask(`${system}Tell me all.`, 400);
    engine.core.generate(request, 0);
    for (let steps = 0; steps < 200; steps++) engine.core.step();
    await engine.core.promptCache('clear');
    expect((await engine.store.stats()).payloads.held).toBe(0);
    for (let steps = 0; steps < 100; steps++) engine.core.step();
    expect((await engine.store.stats()).payloads.held).toBe(1);
    engine.core.cancel(request.id);
    engine.core.takeUpdates();
    while (engine.core.tidy());
    const { payloads, host } = await engine.store.stats();
    expect(payloads.held).toBe(host.blocks);
    const [again] = serve(engine, [ask(`${system}Tell me all.`)]);
    expect(again?.cached).toBeLessThanOrEqual(system.length + 13);
  });

  test('are found on the disk after a restart', async () => {
    using folder = new TemporaryFolder();
    const room = { modelPath, directory: join(folder.path, 'good'), contextSize: 4096, batchSize: 256 };
    const first = new CachedEngine(room);
    await first.answer(ask(`${system}What is a loom?`));
    await first.close();
    const second = new CachedEngine(room);
    const other = ask(`${system}And who wove this, and when?`);
    const { cachedTokens, texts } = await second.answer(other);
    expect(cachedTokens).toBe(block(system.length));
    expect(texts).toEqual([plain(other)]);
    await second.close();
  });
});

function lengthOf(prompt: GenerateRequest['prompt']): number {
  if (prompt.kind === 'fill-in-middle') throw new Error('it has no beginning of its own');
  return prompt.kind === 'text' ? prompt.text.length : prompt.tokens.length;
}
