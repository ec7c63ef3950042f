import { describe, expect, test } from 'vitest';
import type { LlamaBindings } from './llama-bindings.js';
import { checkRelevance, rankHead, type RankHead } from './rank-head.js';

/** Of a file that asks for ranks. */
function head(
  architecture: string,
  labels: readonly string[],
  tensors: readonly string[],
): RankHead | undefined {
  const metadata: Readonly<Record<string, string>> = {
    'general.architecture': architecture,
    [`${architecture}.pooling_type`]: '4',
  };
  const bindings: Partial<LlamaBindings> = {
    llama_model_meta_val_str: (_, key, buffer) => {
      const value = metadata[key];
      return value === undefined ? -1 : new TextEncoder().encodeInto(value, buffer).written;
    },
    llama_model_n_cls_out: () => Math.max(1, labels.length),
    llama_model_cls_label: (_, output) => labels[output] ?? null,
  };
  return rankHead(bindings as LlamaBindings, 1n, () => new Set(tensors));
}

const two = ['cls.weight', 'cls.output.weight'];

describe('the head of a reranker', () => {
  test('with one output makes a probability of its logit', () => {
    const one = head('bert', [], two);
    expect(one?.outputs).toBe(1);
    expect(one?.relevance(Float32Array.of(0))).toBe(0.5);
    expect(one?.relevance(Float32Array.of(2))).toBeCloseTo(0.8808, 4);
    expect(one?.relevance(Float32Array.of(-200))).toBeCloseTo(0, 6);
    expect(one?.relevance(Float32Array.of(200))).toBe(1);
  });

  test('with "yes" and "no" is read as the library has made probabilities of them, or makes them', () => {
    const qwen = head('qwen3', ['no', 'yes'], two.slice(1));
    expect(qwen?.outputs).toBe(2);
    expect(qwen?.relevance(Float32Array.of(0.75, 0.25))).toBe(0.25);
    const bert = head('bert', ['yes', 'no'], two);
    expect(bert?.relevance(Float32Array.of(1, 1))).toBe(0.5);
    expect(bert?.relevance(Float32Array.of(1000, 998))).toBeCloseTo(0.8808, 4);
  });

  test('is missing where the library would give something else for it', () => {
    expect(head('bert', [], ['cls.weight'])).toBeUndefined();
    expect(head('qwen3', ['yes', 'no'], [])).toBeUndefined();
    // A softmax over one output.
    expect(head('qwen3', [], two.slice(1))).toBeUndefined();
    expect(head('bert', ['entailment', 'neutral', 'contradiction'], two)).toBeUndefined();
    expect(head('jina-bert-v2', [], ['cls.weight'])?.outputs).toBe(1);
  });

  test('gives a number, or the request fails', () => {
    expect(checkRelevance(0.5)).toBe(0.5);
    expect(() => checkRelevance(NaN)).toThrow('NaN');
  });
});
