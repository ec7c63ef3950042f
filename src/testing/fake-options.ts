import { closeSync, openSync, readSync } from 'node:fs';
import type { Pooling } from '../core/embedding.js';
import type { ModelKind } from '../core/model-kind.js';
import type { ModelMemory } from '../core/model-runner.js';
import { errorCatalogue, HeddleError, type ErrorCode } from '../core/errors.js';

const crashes = ['exit', 'leave', 'throw'] as const;

export type FakeCrash = (typeof crashes)[number];

/**
 * How a fake model behaves: the query of its path, as in `fake:chatty?endAfter=5&stepDelayMs=20`. A path without the
 * `fake:` is a file whose first line is such a text, so that a folder of fake models can be made.
 */
export interface FakeOptions {
  /** `loadFails=CODE`: loading fails with this error code. */
  readonly loadFails: ErrorCode | undefined;
  /** `loadSteps=N`: times the progress is reported; default 4. */
  readonly loadSteps: number;
  /** `loadDelayMs=N`: from one progress report to the next; default 0. */
  readonly loadDelayMs: number;
  /** `canCut=false`: like a recurrent model, whose memory can only be emptied. */
  readonly canCut: boolean;
  /** `memory=state`: no cells that could be saved. Default: `cells`, or `cells-and-state` where it can not be cut. */
  readonly memory: ModelMemory;
  /** `causal=false`: an encoder, which only embeds. */
  readonly causal: boolean;
  /** `pooling=first`, `last` or `none`, which makes it a reranker without embeddings; default `mean`. */
  readonly pooling: Pooling | undefined;
  /** `embeddingSize=N`: numbers in an embedding; default 16. */
  readonly embeddingSize: number;
  /** `kind=embedding`, for a causal model that embeds. Default: what `causal` and `pooling` make of it. */
  readonly kind: ModelKind;
  /** `rerankTemplate=...`: a reranker's form of a query with a document. */
  readonly rerankTemplate: string | undefined;
  /** `rerankHead=none`: a reranker of a form that relevances can not be read from. */
  readonly rerankHead: boolean;
  /** `outputRows=N`: rows of a decode that can have results; default 16, and at least the slots. */
  readonly outputRows: number;
  /** `endAfter=N`: a sampler that drew N tokens draws the end of generation. Else it hardly ever occurs. */
  readonly endAfter: number | undefined;
  /**
   * `scriptedText=...`: samplers draw the tokens of this text, whatever the prompt, then the end of generation. Control
   * tokens written out in it are read as such.
   */
  readonly scriptedText: string | undefined;
  /** `scripts=JSON`, a list of pairs: the same, with the text of the first pair whose first text is in the prompt. */
  readonly scripts: readonly (readonly [inPrompt: string, text: string])[];
  /** `stepDelayMs=N`: a decode takes this long, spread over its rows; the thread sleeps. */
  readonly stepDelayMs: number;
  /** `cells=N`: the KV cache has this many cells, not the promised `contextSize`. */
  readonly cells: number | undefined;
  /** `failAtDecode=N`: the Nth decode throws `native_call_failed`. */
  readonly failAtDecode: number | undefined;
  /** `crashAtDecode=N`: the Nth decode ends its worker thread, as `crashAs` says. */
  readonly crashAtDecode: number | undefined;
  /** `crashAs=exit` (status 70, the default), `leave` (status 0), or `throw` (an error in the event loop's next turn). */
  readonly crashAs: FakeCrash;
  /** `bytes=N`: what loading it is predicted to take; default 1 MiB. */
  readonly bytes: number;
  /** `cacheBytes=N`: of these, what its cells are predicted to take; default 0. */
  readonly cacheBytes: number;
  /** `deviceBytes=N`: what loading it is predicted to take of the GPUs' memory; default 0. */
  readonly deviceBytes: number;
  /** `fillInMiddle=true`: it has tokens for texts with a gap: the bytes 1, 2 and 3. */
  readonly fillInMiddle: boolean;
  /** `chatTemplate=none`: the model has no chat template. Else its Jinja source; a plain one when absent. */
  readonly chatTemplate: string | undefined;
}

/**
 * @throws HeddleError `model_load_failed` when a file can not be read, `model_file_invalid` when it is no fake model
 * @throws RangeError for a parameter that is not understood
 */
export function readFakeOptions(modelPath: string): FakeOptions {
  const url = modelPath.startsWith('fake:') ? modelPath : firstLine(modelPath);
  if (!url.startsWith('fake:'))
    throw new HeddleError('model_file_invalid', `${modelPath} is not a fake model.`);
  const query = new URLSearchParams(url.split('?').slice(1).join('?'));
  const take = (name: string): string | undefined => {
    const value = query.get(name) ?? undefined;
    query.delete(name);
    return value;
  };
  const number = (name: string): number | undefined => {
    const value = take(name);
    return value === undefined ? undefined : Number(value);
  };
  const crashAs = take('crashAs');
  const canCut = take('canCut') !== 'false';
  const causal = take('causal') !== 'false';
  const pools = pooling(take('pooling'));
  const options: FakeOptions = {
    loadFails: errorCode(take('loadFails')),
    loadSteps: number('loadSteps') ?? 4,
    loadDelayMs: number('loadDelayMs') ?? 0,
    canCut,
    causal,
    memory: memory(take('memory'), canCut, causal),
    pooling: pools,
    embeddingSize: number('embeddingSize') ?? 16,
    kind: kind(take('kind'), causal, pools),
    rerankTemplate: take('rerankTemplate'),
    rerankHead: take('rerankHead') !== 'none',
    outputRows: number('outputRows') ?? 16,
    endAfter: number('endAfter'),
    scriptedText: take('scriptedText'),
    scripts: JSON.parse(take('scripts') ?? '[]') as FakeOptions['scripts'],
    stepDelayMs: number('stepDelayMs') ?? 0,
    cells: number('cells'),
    failAtDecode: number('failAtDecode'),
    crashAtDecode: number('crashAtDecode'),
    crashAs: crashes.find((how) => how === crashAs) ?? 'exit',
    bytes: number('bytes') ?? 2 ** 20,
    cacheBytes: number('cacheBytes') ?? 0,
    deviceBytes: number('deviceBytes') ?? 0,
    fillInMiddle: take('fillInMiddle') === 'true',
    chatTemplate: take('chatTemplate'),
  };
  const unknown = [...query.keys()];
  if (unknown.length > 0) throw new RangeError(`A fake model has no parameter ${unknown.join(', ')}.`);
  return options;
}

/** Bytes of a fake model's file that are read. */
const longestUrl = 65536;

function errorCode(text: string | undefined): ErrorCode | undefined {
  if (text === undefined) return undefined;
  if (text in errorCatalogue) return text as ErrorCode;
  throw new RangeError(`${text} is not an error code.`);
}

function memory(text: string | undefined, canCut: boolean, causal: boolean): ModelMemory {
  if (!causal) return 'none';
  if (text === undefined) return canCut ? 'cells' : 'cells-and-state';
  if (text === 'state' && !canCut) return text;
  throw new RangeError(`${text} is not a memory, or it can not be cut.`);
}

function pooling(text = 'mean'): Pooling | undefined {
  if (text === 'none') return undefined;
  if (text === 'mean' || text === 'first' || text === 'last') return text;
  throw new RangeError(`${text} is not a pooling.`);
}

function kind(text: string | undefined, causal: boolean, pools: Pooling | undefined): ModelKind {
  if (pools === undefined) return 'reranking';
  if (text !== undefined && text !== 'embedding') throw new RangeError(`${text} is not a kind to ask for.`);
  return text ?? (causal ? 'generation' : 'embedding');
}

function firstLine(path: string): string {
  const buffer = Buffer.alloc(longestUrl);
  try {
    const file = openSync(path, 'r');
    try {
      return buffer.toString('utf8', 0, readSync(file, buffer)).split('\n')[0]?.trim() ?? '';
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new HeddleError('model_load_failed', `The model file ${path} can not be read.`, { cause: error });
  }
}
