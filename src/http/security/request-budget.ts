/** What is left of a key's requests after one was counted. */
export interface BudgetLeft {
  /** Whether the request is within the limit. One that is not takes nothing. */
  readonly allowed: boolean;
  readonly limit: number;
  /** Requests that could be sent now. */
  readonly remaining: number;
  /** Milliseconds until all are there again. */
  readonly reset: number;
  /** Milliseconds until one is there; 0 while there are some. */
  readonly wait: number;
}

interface Bucket {
  /** Requests that can be sent, a fraction included. */
  tokens: number;
  /** When that was so. */
  at: number;
}

const minute = 60_000;

/**
 * Requests a minute of each key: a bucket that holds a minute's worth and fills at an even pace (token bucket). A limit
 * can change at any time; what was taken stays taken.
 */
export class RequestBudget {
  readonly #clock: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param clock milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /**
   * Counts a request.
   * @param limit requests a minute
   */
  take(who: string, limit: number): BudgetLeft {
    const now = this.#clock();
    const bucket = this.#buckets.get(who) ?? { tokens: limit, at: now };
    const filled = Math.min(limit, bucket.tokens + ((now - bucket.at) * limit) / minute);
    const allowed = filled >= 1;
    const tokens = allowed ? filled - 1 : filled;
    this.#buckets.set(who, { tokens, at: now });
    const timeFor = (count: number): number => (Math.max(0, count) * minute) / limit;
    return {
      allowed,
      limit,
      remaining: Math.floor(tokens),
      reset: timeFor(limit - tokens),
      wait: timeFor(1 - tokens),
    };
  }
}
