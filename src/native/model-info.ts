import type { ModelInfo, ModelMemory } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import { architectureOf, embeddingInfo, isCausal, modelKind } from './model-metadata.js';
import type { NativeHandle } from './native-handle.js';
import { rerankingInfo } from './rank-head.js';
import type { SequenceLanes } from './sequence-lanes.js';
import type { Vocabulary } from './vocabulary.js';

/** Reads what the library knows of a loaded model. */
export function describeModel(
  bindings: LlamaBindings,
  parts: {
    model: NativeHandle;
    context: NativeHandle;
    vocabulary: Vocabulary;
    outputRows: number;
    lanes: SequenceLanes;
    canCut: boolean;
    memory: ModelMemory;
    /** It is a reranker whose outputs can be read. */
    ranks: boolean;
    version: string;
  },
): ModelInfo {
  const model = parts.model.address;
  const context = parts.context.address;
  const { vocabulary } = parts;
  const read = (call: (buffer: Uint8Array, size: number) => number): string => {
    const buffer = new Uint8Array(512);
    const length = call(buffer, buffer.length);
    return new TextDecoder().decode(buffer.subarray(0, Math.max(0, Math.min(length, buffer.length - 1))));
  };
  const textOf = (token: number | undefined): string => (token === undefined ? '' : vocabulary.text(token));
  const embedding = embeddingInfo(bindings, model);
  const { fillInMiddle } = vocabulary;
  const chatTemplate = bindings.llama_model_chat_template(model, null);
  const toolChatTemplate = bindings.llama_model_chat_template(model, 'tool_use');
  const parameters = Number(bindings.llama_model_n_params(model));
  const description = read((buffer, size) => bindings.llama_model_desc(model, buffer, size));
  return {
    // The library knows the names of common sizes only.
    description: description.replace('?B', `${(parameters / 1e9).toFixed(3)}B`),
    architecture: architectureOf(bindings, model),
    kind: modelKind(bindings, model),
    stateFormat: `llama.cpp ${parts.version}, ${process.arch}`,
    parameters,
    weightBytes: Number(bindings.llama_model_size(model)),
    vocabularySize: vocabulary.size,
    longestTokenBytes: vocabulary.longestTokenBytes(),
    trainingContext: bindings.llama_model_n_ctx_train(model),
    contextSize: bindings.llama_n_ctx(context),
    slots: parts.lanes.slots,
    lanes: parts.lanes.lanes,
    memory: parts.memory,
    batchSize: bindings.llama_n_batch(context),
    outputRows: parts.outputRows,
    causal: isCausal(bindings, model),
    canCut: parts.canCut,
    bosText: textOf(vocabulary.bos),
    eosText: textOf(vocabulary.eos),
    addsBos: vocabulary.addsBos,
    ...(embedding === undefined ? {} : { embedding }),
    ...(parts.ranks ? { reranking: rerankingInfo(bindings, model, vocabulary) } : {}),
    ...(chatTemplate === null ? {} : { chatTemplate }),
    ...(fillInMiddle === undefined ? {} : { fillInMiddle }),
    ...(toolChatTemplate === null ? {} : { toolChatTemplate }),
  };
}
