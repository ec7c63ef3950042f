import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BatchSpan } from '../../src/core/batch.js';
import type { Token } from '../../src/core/generation.js';
import type { ModelRunner } from '../../src/core/model-runner.js';
import { openRunner } from '../../src/native/llama-runner.js';
import { fixtureTokenizer } from '../../src/testing/gguf/fixture-tokenizer.js';
import { fixtureNames, writeFixture, writeSplitFixture } from '../../src/testing/gguf/fixtures.js';
import { greedySampling } from '../../src/testing/requests.js';
import { tokenizerText } from '../../src/testing/gguf/tokenizer-text.js';

const slots = 8;
const generated = 60;
const paragraphs = tokenizerText.split('\n\n').slice(0, slots);

/** Never set. The library reads it as long as a runner lives, so it must live as long. */
const abortFlag = new Uint8Array(new SharedArrayBuffer(2));

let directory = '';

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-native-fixtures-'));
});

afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

async function load(modelPath: string): Promise<ModelRunner> {
  return openRunner(
    { modelPath, contextSize: 4096, slots, batchSize: 2048, threads: 1 },
    {
      abortFlag,
      libraryLock: new Int32Array(new SharedArrayBuffer(4)),
      onProgress: () => true,
    },
  );
}

/** Greedy continuations of several prompts, decoded in common batches. */
function generate(runner: ModelRunner, prompts: readonly Token[][]): Token[][] {
  const sampler = runner.createSampler(greedySampling, { seed: 0, prompt: [], ignoreEos: false });
  const texts: Token[][] = prompts.map(() => []);
  const held = prompts.map(() => 0);
  for (let step = 0; step < generated; step++) {
    let rows = 0;
    const lastRows: number[] = [];
    const spans = prompts.map((prompt, slot): BatchSpan => {
      const tokens = step === 0 ? prompt : (texts[slot] ?? []).slice(-1);
      const start = held[slot] ?? 0;
      held[slot] = start + tokens.length;
      rows += tokens.length;
      lastRows.push(rows - 1);
      return { sequenceId: slot, slot, start, tokens, output: true };
    });
    expect(runner.decode({ spans, rows })).toBe('ok');
    for (const [slot, row] of lastRows.entries()) texts[slot]?.push(sampler.sample(row));
  }
  sampler.dispose();
  for (const slot of prompts.keys()) runner.removeCells(slot, 0, -1);
  return texts;
}

describe.each(fixtureNames)('the %s fixture', (name) => {
  it('gives the same greedy text alone and among seven others', async () => {
    const runner = await load(writeFixture(name, directory));
    try {
      const prompts = paragraphs.map((text) =>
        runner.tokenize(text, { addSpecial: true, parseSpecial: true }),
      );
      const alone = prompts.flatMap((prompt) => generate(runner, [prompt]));
      expect(generate(runner, prompts)).toEqual(alone);
      expect(new Set(alone.map(String)).size).toBe(slots);
      for (const text of alone) expect(new Set(text).size).toBeGreaterThan(10);
    } finally {
      runner.dispose();
    }
  });
});

describe('the fixture tokenizer', () => {
  it('cuts text as llama.cpp does', async () => {
    const runner = await load(writeFixture('llama', directory));
    try {
      const text = `${tokenizerText}<|im_start|>user\nIt's 1234!  \t 日本語 🙂<|im_end|>\n`;
      expect(runner.tokenize(text, { addSpecial: false, parseSpecial: true })).toEqual(
        fixtureTokenizer().encode(text),
      );
    } finally {
      runner.dispose();
    }
  });
});

describe('the split fixture', () => {
  it('is the same model as the whole one', async () => {
    const texts = [];
    for (const file of [writeFixture('llama', directory), writeSplitFixture(directory, 3)]) {
      const runner = await load(file);
      texts.push(generate(runner, [fixtureTokenizer().encode('The weaver')]));
      runner.dispose();
    }
    expect(texts[1]).toEqual(texts[0]);
  });
});
