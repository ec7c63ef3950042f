import { HeddleError } from '../core/errors.js';
import type { RerankingInfo } from '../core/reranking.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';
import { architectureOf, modelKind } from './model-metadata.js';
import type { Vocabulary } from './vocabulary.js';

/** Architectures whose graph ends in a softmax over the outputs of a reranker. */
const withSoftmax = new Set(['qwen3', 'qwen3vl']);

/** Those whose rerankers have no second matrix: the first one has the one output. */
const withOneMatrix = new Set(['jina-bert-v2']);

/** Of several outputs, the one whose label says that the document answers the query. */
const positiveLabel = 'yes';

/** How a reranker's outputs make a relevance. */
export interface RankHead {
  /** Numbers for each sequence. */
  readonly outputs: number;
  readonly relevance: (outputs: Float32Array) => number;
}

/**
 * The head of a reranker; undefined for models of another kind, and for those whose outputs tell no relevance: files
 * without a head, of which the library gives parts of an embedding instead, and classifiers of several labels none of
 * which is "yes".
 * @param tensors names of all tensors of the model's file, asked for rerankers only
 */
export function rankHead(
  bindings: LlamaBindings,
  model: Pointer,
  tensors: () => ReadonlySet<string>,
): RankHead | undefined {
  if (modelKind(bindings, model) !== 'reranking') return undefined;
  const architecture = architectureOf(bindings, model);
  const outputs = bindings.llama_model_n_cls_out(model);
  const matrix = withOneMatrix.has(architecture) ? 'cls.weight' : 'cls.output.weight';
  if (!tensors().has(matrix)) return undefined;
  const softened = withSoftmax.has(architecture);
  // The softmax of one number is 1, whatever the document.
  if (outputs === 1) return softened ? undefined : { outputs, relevance: ([logit = NaN]) => sigmoid(logit) };
  const labels = Array.from({ length: outputs }, (_, output) =>
    bindings.llama_model_cls_label(model, output),
  );
  const positive = labels.indexOf(positiveLabel);
  if (positive < 0) return undefined;
  return {
    outputs,
    relevance: (values) => (softened ? values : softmax(values))[positive] ?? NaN,
  };
}

/** @throws HeddleError `native_call_failed` when it is no number: the weights or the library are broken */
export function checkRelevance(relevance: number): number {
  if (Number.isFinite(relevance)) return relevance;
  throw new HeddleError('native_call_failed', `The model gave ${relevance} for a relevance.`);
}

/** How the model reads a query and a document; see llama.cpp's tools/server for the form without a template. */
export function rerankingInfo(
  bindings: LlamaBindings,
  model: Pointer,
  vocabulary: Vocabulary,
): RerankingInfo {
  const template = bindings.llama_model_chat_template(model, 'rerank');
  const { bos, sep } = vocabulary;
  const eos = vocabulary.eos ?? sep;
  const present = (...tokens: (number | false | undefined)[]): number[] =>
    tokens.filter((token) => typeof token === 'number');
  return {
    marks: {
      before: present(vocabulary.addsBos && bos),
      between: present(vocabulary.addsEos && eos, vocabulary.addsSep && sep),
      // WordPiece vocabularies that ask for no EOS end every input with their separator.
      after: present(vocabulary.addsEos ? eos : vocabulary.addsSep && sep),
    },
    ...(template === null ? {} : { template }),
  };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function softmax(logits: Float32Array): Float64Array {
  const highest = Math.max(...logits);
  const odds = Float64Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = odds.reduce((total, value) => total + value, 0);
  return odds.map((value) => value / sum);
}
