import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterEach, describe, expect, test } from 'vitest';
import type { ChoiceUpdate, GenerateRequest, SamplingParams } from '../../src/core/generation.js';
import type { LoadOptions } from '../../src/core/model-runner.js';
import type { RequestUpdate } from '../../src/core/request-update.js';
import { AbortBoard } from '../../src/engine/abort-board.js';
import { EngineCore } from '../../src/engine/engine-core.js';
import { composeGrammar, schemaGrammar } from '../../src/grammar/index.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { NgramDrafter } from '../../src/speculation/ngram-drafter.js';
import { Speculator } from '../../src/speculation/speculator.js';
import { EagerChooser } from '../../src/testing/eager-chooser.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { matches } from '../../src/testing/grammar-reader.js';
import { makeRequest } from '../../src/testing/requests.js';
import { schemaCorpus } from '../../src/testing/schema-corpus.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
const hot: Partial<SamplingParams> = { temperature: 1.5 };

const nothing = { text: '', reason: '' };

const cores: EngineCore[] = [];

async function open(
  modelPath: string,
  { drafts = false, ...room }: Partial<LoadOptions> & { drafts?: boolean } = {},
): Promise<EngineCore> {
  const board = new AbortBoard();
  const options = { contextSize: 4096, slots: 4, batchSize: 256, threads: 1, ...room, modelPath };
  const runner = await openRunner(options, {
    abortFlag: board.flag,
    libraryLock: new Int32Array(new SharedArrayBuffer(4)),
    onProgress: () => true,
  });
  const speculator = drafts ? new Speculator(() => new NgramDrafter(), new EagerChooser()) : undefined;
  const core = new EngineCore(runner, board, { threads: 1, interTokenTarget: 0 }, undefined, speculator);
  cores.push(core);
  return core;
}

afterEach(() => {
  for (const core of cores.splice(0)) core.close();
});

function run(core: EngineCore, requests: readonly GenerateRequest[]): RequestUpdate[] {
  for (const [lane, request] of requests.entries()) core.generate(request, lane);
  const updates: RequestUpdate[] = [];
  while (!core.idle) {
    core.step();
    updates.push(...core.takeUpdates());
  }
  updates.push(...core.takeUpdates());
  return updates;
}

function textsOf(updates: readonly RequestUpdate[]): { text: string; reason: string | undefined }[] {
  const failed = updates.find((update) => update.kind === 'failed');
  expect(failed).toBeUndefined();
  const texts = new Map<string, { text: string; reason: string | undefined }>();
  for (const update of updates.filter((one): one is ChoiceUpdate => one.kind === 'choice')) {
    const key = `${update.requestId} ${update.choice}`;
    const text = texts.get(key) ?? { text: '', reason: undefined };
    texts.set(key, text);
    text.text += update.text;
    text.reason = update.finish?.reason;
  }
  return [...texts.values()];
}

function grammarOf(schema: unknown): { source: string } {
  const part = schemaGrammar(schema, { path: 'schema' });
  return { source: composeGrammar({ root: part.name, rules: [part] }) };
}

const models = [
  { name: 'a llama with random weights', path: () => writeFixture('llama', fixtureFolder) },
  { name: 'another one', path: () => writeFixture('qwen3', fixtureFolder, { seed: 5 }) },
  { name: 'the starter model', path: () => starterModel },
];

describe.each(models)('$name, held to a schema', ({ path }) => {
  test('says nothing but what is valid, whatever the schema', { timeout: 400_000 }, async () => {
    const core = await open(path());
    let [ended, cut] = [0, 0];
    const never: string[] = [];
    // Random weights like to go on: signs that end something are made likelier where no text ended.
    const signs = core.tokenize('"]}', { addSpecial: false, parseSpecial: false });
    const logitBias = signs.map((token): [number, number] => [token, 6]);
    for (const { name, schema } of schemaCorpus) {
      const validate = ajv.compile(schema as object);
      const grammar = grammarOf(schema);
      const requests = [1, 2, 3].map((seed) => ({
        ...makeRequest({ prompt: 'Answer in JSON.', sampling: { ...hot, seed }, stop: { maxTokens: 400 } }),
        grammar,
      }));
      const texts = textsOf(run(core, requests));
      const whole = texts.filter(({ reason }) => reason === 'stop');
      cut += texts.length - whole.length;
      ended += whole.length;
      if (whole.length === 0) {
        const again = requests.map((one) => ({ ...one, sampling: { ...one.sampling, logitBias } }));
        whole.push(...textsOf(run(core, again)).filter(({ reason }) => reason === 'stop'));
      }
      if (whole.length === 0) never.push(name);
      for (const { text } of whole)
        expect([name, text, validate(JSON.parse(text)), ajv.errorsText(validate.errors)]).toEqual([
          name,
          text,
          true,
          'No errors',
        ]);
    }
    expect(never).toEqual([]);
    expect(ended + cut).toBe(schemaCorpus.length * 3);
    expect(ended).toBeGreaterThan(schemaCorpus.length * 2);
  });
});

describe('a grammar', () => {
  const list = {
    type: 'array',
    items: {
      type: 'object',
      properties: { id: { type: 'integer', minimum: 1, maximum: 99 }, ok: { type: 'boolean' } },
      required: ['id', 'ok'],
      additionalProperties: false,
    },
    minItems: 6,
    maxItems: 6,
  };
  const request = (seed: number, more: Partial<GenerateRequest> = {}): GenerateRequest => ({
    ...makeRequest({ prompt: 'A list:', sampling: { ...hot, seed }, stop: { maxTokens: 400 } }),
    grammar: grammarOf(list),
    ...more,
  });
  const fixture = (): string => writeFixture('llama', fixtureFolder);

  test('and a seed give the same text again, and beside other requests', async () => {
    const core = await open(fixture());
    const [alone] = textsOf(run(core, [request(7)]));
    const beside = textsOf(
      run(core, [request(7), request(8), { ...request(9), grammar: { source: 'root ::= [a-z]{40}' } }]),
    );
    expect(beside[0]).toEqual(alone);
    expect(beside[1]).not.toEqual(alone);
    expect(beside[2]?.text).toMatch(/^[a-z]{40}$/);
  });

  test('holds every choice of a request by itself', async () => {
    const core = await open(fixture());
    const validate = ajv.compile(list);
    const texts = textsOf(run(core, [request(3, { choices: 3 })]));
    expect(new Set(texts.map(({ text }) => text)).size).toBe(3);
    for (const { text } of texts) expect([text, validate(JSON.parse(text))]).toEqual([text, true]);
  });

  test('is kept through a preemption', async () => {
    const roomy = await open(fixture());
    const tight = await open(fixture(), { contextSize: 256, slots: 4 });
    const requests = [1, 2, 3, 4].map((seed) => request(seed));
    const expected = textsOf(run(roomy, requests));
    const texts = textsOf(
      run(
        tight,
        requests.map((one, index) => ({ ...one, id: `tight-${index}` })),
      ),
    );
    expect(tight.inspect().preemptions).toBeGreaterThan(0);
    const validate = ajv.compile(list);
    for (const { text } of texts.filter(({ reason }) => reason === 'stop'))
      expect([text, validate(JSON.parse(text))]).toEqual([text, true]);
    expect(texts.filter(({ reason }) => reason === 'stop').length).toBeGreaterThan(0);
    expect(expected.every(({ reason }) => reason === 'stop')).toBe(true);
  });

  test('and drafts give the text without drafts', async () => {
    const plain = await open(fixture());
    const drafting = await open(fixture(), { drafts: true });
    const greedy = { ...request(1), sampling: makeRequest().sampling };
    const expected = textsOf(run(plain, [request(5), greedy]));
    const drafted = textsOf(run(drafting, [request(5, { id: 'a' }), { ...greedy, id: 'b' }]));
    expect(drafting.inspect().draftTokens).toBeGreaterThan(0);
    expect(drafting.inspect().acceptedDraftTokens).toBeGreaterThan(0);
    expect(drafted).toEqual(expected);
  });

  test('sees penalties count each token once', async () => {
    const core = await open(fixture());
    const source = 'root ::= [ab]{30}';
    const sampling = { ...makeRequest().sampling, frequencyPenalty: 2 };
    const [{ text } = nothing] = textsOf(run(core, [{ ...request(1), sampling, grammar: { source } }]));
    expect(text).toMatch(/^[ab]{30}$/);
    expect(text).toMatch(/a/);
    expect(text).toMatch(/b/);
  });

  test('lets characters be made of several tokens', async () => {
    const core = await open(fixture());
    const source = 'root ::= [𐀀-𝟿éΩ가-힣]{12}';
    const [{ text, reason } = nothing] = textsOf(run(core, [{ ...request(2), grammar: { source } }]));
    expect(reason).toBe('stop');
    expect(text).not.toContain('\ufffd');
    expect([text, matches(source, text)]).toEqual([text, true]);
  });

  test('ends a text that must not end by itself, and lets one end that is whole', async () => {
    const core = await open(fixture());
    const stop = { ...makeRequest().stop, maxTokens: 300, ignoreEos: true };
    const [ignoring] = textsOf(run(core, [request(4, { stop })]));
    expect(ignoring?.reason).toBe('stop');
    const source = 'root ::= "x"+';
    const [endless] = textsOf(run(core, [request(4, { stop, grammar: { source } })]));
    expect(endless).toMatchObject({ reason: 'length', text: expect.stringMatching(/^x{300,}$/) as string });
  });

  test.each([
    ['root ::= (', 'invalid_parameter'],
    ['root ::= <no-such-token> "a"', 'invalid_parameter'],
    ['root ::= "xy" ( "a"? ){3000} "b"', 'invalid_parameter'],
  ])('that can not be used fails its own request: %.30s', async (source, code) => {
    const core = await open(fixture());
    const others = request(6);
    const updates = run(core, [request(5, { grammar: { source }, id: 'bad' }), others]);
    const failed = updates.filter((update) => update.kind === 'failed');
    expect(failed).toEqual([
      expect.objectContaining({
        requestId: 'bad',
        error: expect.objectContaining({ code }) as object,
      }) as object,
    ]);
    expect(textsOf(updates.filter(({ requestId }) => requestId === others.id))[0]?.reason).toBe('stop');
  });
});
