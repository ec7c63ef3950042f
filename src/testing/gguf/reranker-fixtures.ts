import path from 'node:path';
import { poolingTypes } from '../../core/model-kind.js';
import { bertModel } from './architectures/bert.js';
import { Weights } from './architectures/weights.js';
import { fixtureFile, writeOnce } from './fixtures.js';
import { fixtureTokenizer } from './fixture-tokenizer.js';
import type { GgufMetadata, GgufValue } from './gguf-format.js';
import type { GgufFile } from './gguf-writer.js';

const width = 128;

/** A reranker's form of a query with a document, as Qwen3-Reranker has one. */
export const fixtureRerankTemplate =
  '<|im_start|>system\nAnswer "yes" or "no".<|im_end|>\n<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n';

/**
 * Writes a reranker of BERT's kind, unless it is there already, and returns the path: two matrices make one number of an
 * input's first token, and its vocabulary asks for marks around query and document.
 */
export function writeEncoderRerankerFixture(directory: string): string {
  const tokenizer = fixtureTokenizer();
  const name = 'fixture-bert-reranker';
  const file = bertModel({ name, tokenizer, seed: 2, matrixType: 'F32', contextLength: 512 });
  const head = new Weights(2, 'F32');
  head.matrix('cls.weight', width, width);
  head.normal('cls.bias', [width], 0.1);
  head.matrix('cls.output.weight', width, 1, 2);
  head.constant('cls.output.bias', 1, -0.5);
  const marks: Readonly<Record<string, GgufValue>> = {
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: true },
    'tokenizer.ggml.add_eos_token': { type: 'bool', value: true },
    'tokenizer.ggml.add_sep_token': { type: 'bool', value: true },
    // llama.cpp's own spelling.
    'tokenizer.ggml.seperator_token_id': { type: 'uint32', value: tokenizer.endOfText },
  };
  return writeOnce(path.join(directory, 'bert-reranker.gguf'), {
    metadata: withRank('bert', [
      ...file.metadata.filter(([key]) => !(key in marks)),
      ...Object.entries(marks),
    ]),
    tensors: [...file.tensors, ...head.tensors],
  });
}

/**
 * Writes a reranker of Qwen3's kind, unless it is there already, and returns the path: causal, with outputs for "yes" and
 * "no" at the last token, and a form of its own for query and document.
 */
export function writeCausalRerankerFixture(directory: string): string {
  const file: GgufFile = fixtureFile('qwen3');
  const head = new Weights(2, 'F32');
  head.matrix('cls.output.weight', width, 2, 2);
  return writeOnce(path.join(directory, 'qwen3-reranker.gguf'), {
    metadata: [
      ...withRank('qwen3', file.metadata),
      ['qwen3.classifier.output_labels', { type: 'string[]', value: ['yes', 'no'] }],
      ['tokenizer.chat_template.rerank', { type: 'string', value: fixtureRerankTemplate }],
    ],
    tensors: [...file.tensors, ...head.tensors],
  });
}

function withRank(architecture: string, metadata: GgufMetadata): GgufMetadata {
  return [...metadata, [`${architecture}.pooling_type`, { type: 'uint32', value: poolingTypes.rank }]];
}
