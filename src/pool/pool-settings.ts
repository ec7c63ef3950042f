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
  stablePrompts: defaultStableRules,
};

/** The settings of one model. */
export function settingsOf({ defaults, models }: PoolSettings, id: string): ModelSettings {
  return { ...defaults, ...(models !== undefined && Object.hasOwn(models, id) ? models[id] : {}) };
}
