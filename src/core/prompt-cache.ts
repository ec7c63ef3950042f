/** What a request has to do with prompts that were computed before it. */
export interface CacheUse {
  /** What is kept of a prompt is there for requests with the same salt, and for no others; empty is a salt too. */
  readonly salt: string;
  /** Off: all of the prompt is computed, and nothing of it is kept for others. */
  readonly use: boolean;
}

/** For requests that say nothing about it. */
export const defaultCacheUse: CacheUse = { salt: '', use: true };

/** Longest salt, characters. */
export const longestSalt = 1024;

/** How many of a prompt's first tokens each tier holds; what is in several tiers counts in each. */
export interface CacheHolding {
  readonly device: number;
  readonly host: number;
  readonly disk: number;
}

/** Tokens of a block, the unit in which the tiers below the device keep prompts. */
export const cacheBlockTokens = 64;
