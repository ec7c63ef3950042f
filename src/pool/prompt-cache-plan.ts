import { hostBytes as hostMemory, type MemoryNeed } from '../core/memory.js';
import type { PromptCacheOptions } from '../core/model-runner.js';
import { spareBlockShare } from '../core/prompt-cache.js';
import type { CacheSettings, ModelSettings } from './pool-settings.js';

/** Most memory that blocks may hold until they are written to disk, bytes. */
const mostQueued = 256 * 2 ** 20;

/** Memory for prompts that is less than this is not worth having, bytes. */
const leastMemory = 64 * 2 ** 10;

/** What a model's prompts are to have of the RAM, beside its KV cache; all in bytes. */
export interface PromptCachePlan {
  /** The load is refused without it. */
  readonly demandedBytes: number;
  /** What else it may have of what is left. */
  readonly wishedBytes: number;
  /** How the model is to be loaded; undefined where nothing is kept. @param granted bytes of those wished for */
  optionsFor(granted: number): PromptCacheOptions | undefined;
}

/**
 * RAM that was configured is demanded, and so is what a disk takes: its thread, and blocks that wait to be written. RAM
 * by default is twice the model's KV cache, at most 1/16 of the machine's memory and 1/8 of the ceiling, and only wished
 * for: no model is evicted or refused for its sake.
 */
export function planPromptCache(
  { cacheMemory }: Pick<ModelSettings, 'cacheMemory'>,
  need: MemoryNeed,
  { machineBytes, ceilingBytes, cache }: PlanLimits,
): PromptCachePlan {
  const keptBytes = need.cacheBytes + (need.deviceCacheBytes ?? 0);
  // Encoders keep nothing between steps.
  if (keptBytes === 0 || need.keepsNoPrompts === true)
    return { demandedBytes: 0, wishedBytes: 0, optionsFor: () => undefined };
  const disk =
    cache?.directory === undefined
      ? undefined
      : {
          directory: cache.directory,
          bytes: cache.bytes,
          queueBytes: Math.min(mostQueued, 2 * keptBytes),
        };
  const diskBytes = disk === undefined ? 0 : hostMemory.thread + disk.queueBytes;
  const isDefault = cacheMemory === 'auto';
  const hostBytes = isDefault
    ? Math.floor(Math.min(2 * keptBytes, machineBytes / 16, ceilingBytes / 8))
    : cacheMemory;
  const takenBytes = Math.ceil(hostBytes * (1 + spareBlockShare));
  return {
    demandedBytes: diskBytes + (isDefault ? 0 : takenBytes),
    wishedBytes: isDefault ? takenBytes : 0,
    optionsFor: (granted) => {
      const fitting = isDefault
        ? Math.min(hostBytes, Math.floor(granted / (1 + spareBlockShare)))
        : hostBytes;
      const kept = fitting < leastMemory ? 0 : fitting;
      if (kept === 0 && disk === undefined) return undefined;
      return { hostBytes: kept, ...(disk === undefined ? {} : { disk }) };
    },
  };
}

/** What a plan is made within. */
export interface PlanLimits {
  /** Memory of the machine, or of the container. */
  readonly machineBytes: number;
  /** Memory that all engines together may take. */
  readonly ceilingBytes: number;
  readonly cache: CacheSettings | undefined;
}
