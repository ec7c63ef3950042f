/*
 * What it costs to hold a text to a grammar, for each token, on a vocabulary of 151,936 tokens made of words, numbers,
 * JSON's signs and characters of several bytes. The model is tiny and its weights are random: only drawing is timed.
 *
 * Beside heddle's own way, the grammar sampler of llama.cpp is timed at the same places of the same text: what it takes to
 * check one token, and to find all that may come.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import type { SamplingParams } from '../../dist/core/generation.js';
import type { Sampler } from '../../dist/core/model-runner.js';
import type { TokenGuide } from '../../dist/core/token-guide.js';
import { defaultSampling } from '../../dist/index.js';
import { GuideMaker } from '../../dist/engine/guide-maker.js';
import { composeGrammar, schemaGrammar } from '../../dist/grammar/index.js';
import { openLlamaLibrary } from '../../dist/native/llama-library.js';
import { loadModel } from '../../dist/native/load-model.js';
import { openRunner } from '../../dist/native/llama-runner.js';
import { qwen3Model, tinyQwen3 } from '../../dist/testing/gguf/architectures/qwen3.js';
import { toAlphabet } from '../../dist/testing/gguf/byte-alphabet.js';
import { fixtureTokenizer } from '../../dist/testing/gguf/fixture-tokenizer.js';
import { writeOnce } from '../../dist/testing/gguf/fixtures.js';
import { Random } from '../../dist/testing/random.js';
import { median } from './statistics.js';

const vocabularySize = 151_936;
const repeats = Number(process.env['REPEATS'] ?? 40);
const folder = join(tmpdir(), 'heddle-bench');
mkdirSync(folder, { recursive: true });
const modelPath = writeOnce(join(folder, 'words-v151936.gguf'), wordsModel());
const libraryLock = new Int32Array(new SharedArrayBuffer(4));
const loadOptions = { modelPath, contextSize: 512, slots: 1, batchSize: 64, threads: 1 };

/** A vocabulary as large models have it: nearly all of its tokens are text. */
function wordsModel(): ReturnType<typeof qwen3Model> {
  const tokenizer = fixtureTokenizer(vocabularySize);
  const random = new Random(1);
  const known = new Set(tokenizer.tokens.slice(0, 512));
  const words = new Set<string>();
  const add = (word: string): void => {
    const token = toAlphabet(word).join('');
    if (!known.has(token)) words.add(token);
  };
  const syllables =
    'ba ce di fo gu ha in jo ka le mi no or pe qua ra si to un ve wi xo ya ze th st er ing ly on al'.split(
      ' ',
    );
  const signs = [
    '"',
    '":',
    '": ',
    '",',
    '", "',
    '{"',
    '"}',
    '}',
    '},',
    '[',
    ']',
    ', ',
    '\n',
    '\n  ',
    '. ',
    '(',
    ')',
    ' = ',
  ];
  for (let first = 0; first < 1000; first++) add(String(first));
  while (words.size < vocabularySize - 512) {
    const length = 1 + random.below(4);
    const word = Array.from({ length }, () => random.pick(syllables)).join('');
    const kind = random.next();
    if (kind < 0.5) add(` ${word}`);
    else if (kind < 0.75) add(word);
    else if (kind < 0.85) add(random.pick(signs) + word);
    else
      add(
        Array.from({ length: 1 + random.below(2) }, () =>
          String.fromCodePoint(0x4e00 + random.below(20_000)),
        ).join(''),
      );
  }
  const tokens = [...tokenizer.tokens.slice(0, 512), ...words];
  const types = tokens.map((_, token) => (token >= 509 && token < 512 ? 3 : 1));
  const metadata = tokenizer.metadata.map(([key, value]): (typeof tokenizer.metadata)[number] => {
    if (key === 'tokenizer.ggml.tokens') return [key, { type: 'string[]', value: tokens }];
    if (key === 'tokenizer.ggml.token_type') return [key, { type: 'int32[]', value: types }];
    return [key, value];
  });
  return qwen3Model(tinyQwen3, {
    name: 'words',
    tokenizer: { ...tokenizer, tokens, metadata },
    seed: 1,
    matrixType: 'F32',
    contextLength: 4096,
  });
}

function timed(act: () => void): number {
  const started = performance.now();
  act();
  return performance.now() - started;
}

/** Milliseconds: the middle of some. */
function middle(act: () => void, count = repeats): number {
  return median(Array.from({ length: count }, () => timed(act)));
}

const runner = await openRunner(loadOptions, {
  abortFlag: new Uint8Array(new SharedArrayBuffer(2)),
  libraryLock,
  onProgress: () => true,
});
const prompt = runner.tokenize('the weaver sat', { addSpecial: false, parseSpecial: false });
runner.decode({
  spans: [{ sequenceId: 1, slot: 0, start: 0, tokens: prompt, output: true }],
  rows: prompt.length,
});
const row = prompt.length - 1;

function samplerOf(params: Partial<SamplingParams>): Sampler {
  return runner.createSampler({ ...defaultSampling, ...params }, { seed: 1, prompt, ignoreEos: false });
}

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    kind: { enum: ['small', 'large'] },
    sizes: { type: 'array', items: { type: 'number', minimum: 0, maximum: 100 }, maxItems: 8 },
    notes: {
      type: 'array',
      items: {
        type: 'object',
        properties: { text: { type: 'string', maxLength: 80 }, at: { type: 'string', format: 'date' } },
        required: ['text', 'at'],
        additionalProperties: false,
      },
      maxItems: 4,
    },
  },
  required: ['name', 'kind', 'sizes', 'notes'],
  additionalProperties: false,
};
const part = schemaGrammar(schema, { path: 'schema' });
const source = composeGrammar({ root: part.name, rules: [part] });
const places: Record<string, string> = {
  'where an object begins': '',
  'where a key must come': '{',
  'in a text': '{"name": "one two',
  'in a text of bounded length': '{"name": "x", "kind": "small", "sizes": [], "notes": [{"text": "one two',
  'in a number': '{"name": "x", "kind": "small", "sizes": [4',
  'in a choice': '{"name": "x", "kind": "',
};

const maker = new GuideMaker(runner);
const first = timed(
  () => void maker.guide({ source: 'root ::= "x"' }, { ignoreEnd: false, controlTokens: [] }),
);
const compile = timed(() => void maker.guide({ source }, { ignoreEnd: false, controlTokens: [] }));
console.log(
  `vocabulary read, once for each engine: ${first.toFixed(0)} ms; grammar compiled: ${compile.toFixed(1)} ms`,
);

const everything: TokenGuide = { allows: () => true, redraws: 0, allowed: () => new Uint32Array(0) };
const all = new Uint32Array(Math.ceil(vocabularySize / 32)).fill(0xffff_ffff);
const nothingFirst: TokenGuide = { allows: () => false, redraws: 0, allowed: () => all };
console.log(
  '\nms to draw one token | no grammar | accepted at once | drawn again from all tokens\n--- | --- | --- | ---',
);
for (const [name, params] of Object.entries({
  greedy: { temperature: 0 },
  'top_k 40, top_p 0.95': { temperature: 0.8, topK: 40, topP: 0.95 },
  'temperature 1 only': { temperature: 1, topK: 0, topP: 1, minP: 0 },
})) {
  const sampler = samplerOf(params);
  const [plain, accepted, again] = [undefined, everything, nothingFirst].map((guide) =>
    middle(() => void sampler.sample(row, guide)),
  );
  console.log(`${name} | ${plain?.toFixed(2)} | ${accepted?.toFixed(2)} | ${again?.toFixed(2)}`);
  sampler.dispose();
}

const library = openLlamaLibrary(libraryLock);
const llama = koffi.load(library.files.llama);
const initGrammar = llama.func(
  'void *llama_sampler_init_grammar(const void *vocab, const char *grammar, const char *root)',
) as (vocab: bigint, source: string, root: string) => bigint;
const cloneSampler = llama.func('void *llama_sampler_clone(const void *smpl)') as (sampler: bigint) => bigint;
const model = await loadModel(library, modelPath, () => true);
const native = initGrammar(library.bindings.llama_model_get_vocab(model.address), source, 'root');
const memory = new Int32Array(new ArrayBuffer(vocabularySize * 12));
const array = new BigInt64Array(new ArrayBuffer(32));

function apply(sampler: bigint, count: number): void {
  for (let token = 0; token < count; token++) memory[token * 3] = token;
  array.set([koffi.address(memory), BigInt(count), -1n, 0n]);
  library.bindings.llama_sampler_apply(sampler, koffi.address(array));
}

console.log(
  '\nms | tokens that may come | one token checked | all found, first time | all found again | llama.cpp: one token | llama.cpp: all\n--- | --- | --- | --- | --- | --- | ---',
);
for (const [name, text] of Object.entries(places)) {
  const tokens = runner.tokenize(text, { addSpecial: false, parseSpecial: false });
  const fresh = (): InstanceType<typeof GuideMaker> => new GuideMaker(runner);
  const guideOf = (from: GuideMaker): ReturnType<GuideMaker['guide']> => {
    const guide = from.guide({ source }, { ignoreEnd: false, controlTokens: [] });
    for (const token of tokens) guide.accept(token);
    return guide;
  };
  const guide = guideOf(maker);
  const count = guide.allowed().reduce((sum, word) => sum + word.toString(2).replaceAll('0', '').length, 0);
  const firstTime = median(
    Array.from({ length: 5 }, () => {
      const cold = guideOf(fresh());
      return timed(() => void cold.allowed());
    }),
  );
  const sampler = cloneSampler(native);
  for (const token of tokens) library.bindings.llama_sampler_accept(sampler, token);
  const figures = [
    middle(() => void guide.allows(1000)),
    firstTime,
    middle(() => void guide.allowed()),
    middle(() => apply(sampler, 1)),
    middle(() => apply(sampler, vocabularySize), 10),
  ];
  console.log(`${name} | ${count} | ${figures.map((figure) => figure.toFixed(3)).join(' | ')}`);
  library.bindings.llama_sampler_free(sampler);
}

console.log(
  '\nwhole texts | tokens | refused | drawn from those that may | ms a token | of these the slowest\n--- | --- | --- | --- | --- | ---',
);
for (const temperature of [0, 1, 1.5]) {
  const draws: number[] = [];
  let [again, refusals] = [0, 0];
  const guides = new GuideMaker(runner);
  void guides.guide({ source: 'root ::= "x"' }, { ignoreEnd: false, controlTokens: [] });
  for (let seed = 1; seed <= 5; seed++) {
    const sampler = runner.createSampler(
      { ...defaultSampling, temperature, topK: 0, topP: 1, minP: 0 },
      { seed, prompt, ignoreEos: false },
    );
    const guide = guides.guide({ source }, { ignoreEnd: false, controlTokens: [] });
    const counting: TokenGuide = {
      allows: (token) => {
        const may = guide.allows(token);
        if (!may) refusals++;
        return may;
      },
      get redraws() {
        return guide.redraws;
      },
      allowed: () => {
        again++;
        return guide.allowed();
      },
    };
    let [at, last] = [prompt.length, row];
    runner.removeCells(0, prompt.length, -1);
    runner.removeCells(0, prompt.length - 1, -1);
    runner.decode({
      spans: [{ sequenceId: 1, slot: 0, start: prompt.length - 1, tokens: prompt.slice(-1), output: true }],
      rows: 1,
    });
    last = 0;
    for (let drawn = 0; drawn < 200 && !guide.isOver; drawn++) {
      let token = 0;
      draws.push(
        timed(() => {
          token = sampler.sample(last, counting);
          if (!runner.endsGeneration(token)) guide.accept(token);
        }),
      );
      if (runner.endsGeneration(token)) break;
      runner.decode({
        spans: [{ sequenceId: 1, slot: 0, start: at++, tokens: [token], output: true }],
        rows: 1,
      });
    }
    sampler.dispose();
  }
  const mean = draws.reduce((sum, one) => sum + one, 0) / draws.length;
  console.log(
    `temperature ${temperature} | ${draws.length} | ${((100 * refusals) / draws.length).toFixed(0)} % | ${((100 * again) / draws.length).toFixed(0)} % | ${mean.toFixed(2)} | ${Math.max(...draws).toFixed(1)}`,
  );
}
library.bindings.llama_sampler_free(native);
model.dispose();
runner.dispose();
