import { defaultInterTokenTarget } from '../core/inter-token-target.js';
import { defaultSpeculation, type Speculation } from '../core/speculation.js';
import { defaultStableRules, type StableRuleSwitches } from '../core/stable-rules.js';
import type { PoolPolicy } from './pool-policy.js';

/** How one model is loaded and kept. */
export interface ModelSettings {
  /** KV cells; 0 takes the model's own context, capped at 8192. */
  readonly contextSize: number;
  /** Sequences at once. */
  readonly slots: number;
  /** Rows of one step. */
  readonly batchSize: number;
  /**
   * Time from one token of a stream to its next that steps are cut for, milliseconds; 0 lets every step have all the rows
   * there is room for.
   */
  readonly interTokenTarget: number;
  /** How several tokens of a sequence are guessed, to be verified in one step. */
  readonly speculation: Speculation;
  /** It never makes room for another model. */
  readonly pinned: boolean;
  /** Loaded when the server starts, not at the first request. */
  readonly preload: boolean;
  /** Milliseconds without a request after which it is unloaded; infinite to keep it until its memory is needed. */
  readonly idleTimeout: number;
  /** Sequences that stay in the KV cache beside those that run. `auto`: as {@link residentSlots} says. */
  readonly residents: number | 'auto';
  /** Bytes of RAM for its prompts, beside the KV cache; 0 for none. `auto`: as `planPromptCache` says. */
  readonly cacheMemory: number | 'auto';
  /** What is kept stable in the prompts of its chats. */
  readonly stablePrompts: StableRuleSwitches;
}

/** How a pool and its models are kept. Plain data: it can be replaced while the pool runs. */
export interface PoolSettings {
  /** Compute threads over all engines at once; the machine's cores when absent. */
  readonly threads?: number;
  /** Memory that all engines together may take, bytes; a share of the machine's when absent. */
  readonly memoryCeiling?: number;
  /** Settings of models that are not named in {@link models}. */
  readonly defaults: ModelSettings;
  /** What is different for single models, by id. */
  readonly models?: Readonly<Record<string, Partial<ModelSettings>>>;
  /** Other names of models: from name to id. A name hides a model of the same id. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly policy?: Partial<PoolPolicy>;
  /** Where all models keep prompts on disk; nowhere when absent, or without a directory. */
  readonly cache?: CacheSettings;
}

/** The prompt cache on disk. */
export interface CacheSettings {
  /** Absolute path of a folder, which is made if it is not there; absent for no disk. */
  readonly directory?: string;
  /** What all files in it may take, bytes. */
  readonly bytes: number;
}

/** For those who have nothing to say about a setting. */
export const defaultModelSettings: ModelSettings = {
  contextSize: 0,
  slots: 4,
  batchSize: 512,
  interTokenTarget: defaultInterTokenTarget,
  speculation: defaultSpeculation,
  pinned: false,
  preload: false,
  idleTimeout: Infinity,
  residents: 'auto',
  cacheMemory: 'auto',
  stablePrompts: defaultStableRules,
};

/** Lanes for sequences that stay when nothing is said: three for each that runs, and at most 64 lanes in all. */
export function residentSlots({ residents, slots }: ModelSettings): number {
  return residents === 'auto' ? Math.max(0, Math.min(3 * slots, 64 - slots)) : residents;
}

/** The settings of one model. */
export function settingsOf({ defaults, models }: PoolSettings, id: string): ModelSettings {
  return { ...defaults, ...(models !== undefined && Object.hasOwn(models, id) ? models[id] : {}) };
}
