import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, test } from 'vitest';
import type { ChoiceUpdate, GenerateRequest } from '../../src/core/generation.js';
import { AbortBoard } from '../../src/engine/abort-board.js';
import { EngineCore } from '../../src/engine/engine-core.js';
import { openRunner } from '../../src/native/llama-runner.js';
import type { CalledTool } from '../../src/prompt/output/called-tool.js';
import { chooseFormat } from '../../src/prompt/output/choose-format.js';
import { OutputBlocks } from '../../src/prompt/output/output-blocks.js';
import { createParser } from '../../src/prompt/output/output-format.js';
import { outputGrammar, type OutputForm } from '../../src/prompt/output/output-grammar.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const cores: EngineCore[] = [];

async function open(modelPath: string): Promise<EngineCore> {
  const board = new AbortBoard();
  const room = { contextSize: 4096, slots: 4, batchSize: 256, threads: 1 };
  const runner = await openRunner(
    { ...room, modelPath },
    {
      abortFlag: board.flag,
      libraryLock: new Int32Array(new SharedArrayBuffer(4)),
      onProgress: () => true,
    },
  );
  const core = new EngineCore(runner, board, { threads: 1, interTokenTarget: 0 });
  cores.push(core);
  return core;
}

afterEach(() => {
  for (const core of cores.splice(0)) core.close();
});

interface Text {
  text: string;
  reason: string | undefined;
}

/** The texts of requests, in their order. */
function run(core: EngineCore, requests: readonly GenerateRequest[]): Text[] {
  for (const [lane, request] of requests.entries()) core.generate(request, lane);
  const texts = new Map<string, Text>(requests.map(({ id }) => [id, { text: '', reason: undefined }]));
  const take = (): void => {
    for (const update of core.takeUpdates()) {
      expect(update.kind).not.toBe('failed');
      const text = texts.get(update.requestId);
      if (update.kind !== 'choice' || text === undefined) continue;
      text.text += (update satisfies ChoiceUpdate).text;
      text.reason = update.finish?.reason;
    }
  };
  while (!core.idle) {
    core.step();
    take();
  }
  take();
  return [...texts.values()];
}

const weather = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 12 },
    at: { type: 'string', format: 'date' },
    days: { type: ['integer', 'null'], minimum: 1, maximum: 9 },
    places: { type: 'array', items: { enum: ['sea', 'hills'] }, maxItems: 3 },
  },
  required: ['city', 'at', 'days'],
  additionalProperties: false,
};
const now = { type: 'object', additionalProperties: false };
const isNow = new Ajv2020().compile(now);
const isWeather = new Ajv2020({ formats: { date: /^\d{4}-\d\d-\d\d$/ } }).compile(weather);

const templates = [
  ['hermes', '<think> <tool_call>'],
  ['parameters', '<tool_call> <function='],
  ['a section', '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>'],
  ['gemma', '<|tool_call>call:'],
  ['harmony', '<|channel|> <|message|>'],
] as const;

const models = [
  { name: 'a llama with random weights', path: () => writeFixture('llama', fixtureFolder) },
  { name: 'the starter model', path: () => starterModel },
];

describe.each(models)('$name', ({ path }) => {
  test.each(templates)('calls tools as they are to be called, as %s', async (_, template) => {
    const core = await open(path());
    const format = chooseFormat(template);
    const tools: CalledTool[] = [
      { name: 'weather', parameters: weather, strict: true, path: 'tools[0]' },
      { name: 'now', parameters: now, strict: true, path: 'tools[1]' },
    ];
    const form: OutputForm = { calls: { mode: 'required', tools, param: 'tool_choice' }, singleCall: true };
    const grammar = outputGrammar(format, '', form);
    if (grammar === undefined) throw new Error('there is no grammar');
    const { reasoning } = format;
    const requests = [1, 2, 3, 4].map((seed) => ({
      ...makeRequest({
        prompt: 'What is the weather in Lisbon?',
        sampling: { temperature: 1.5, seed },
        stop: { maxTokens: 500 },
      }),
      grammar,
      controlTokens: format.controlTokens({ tools: true }),
      ...(reasoning === undefined
        ? {}
        : {
            reasoningLimit: {
              tokens: 5,
              open: reasoning.open,
              close: reasoning.close,
              closing: `${reasoning.close}${format.frame?.next ?? ''}`,
            },
          }),
    }));
    let whole = 0;
    for (const { text, reason } of run(core, requests)) {
      if (reason !== 'stop') continue;
      whole++;
      const parser = createParser(format, { prompt: '', tools });
      const blocks = new OutputBlocks();
      blocks.add(parser.push(text));
      blocks.add(parser.end('stop'));
      const [call, ...others] = blocks.blocks.filter(({ kind }) => kind !== 'reasoning');
      expect([text, others, blocks.warnings]).toEqual([text, [], []]);
      if (call?.kind !== 'tool-call') throw new Error(`there is no call: ${text}`);
      const args = JSON.parse(call.arguments) as unknown;
      const isRight = call.name === 'weather' ? isWeather(args) : call.name === 'now' && isNow(args);
      expect([text, isRight]).toEqual([text, true]);
    }
    expect(whole).toBeGreaterThan(1);
  });
});
