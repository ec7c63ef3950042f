/** Times and counts by which a pool decides; all times in milliseconds. */
export interface PoolPolicy {
  /** How long an engine may take to free a model before it is killed or quarantined. */
  readonly teardownDeadline: number;
  /** How long memory may take to come back after an engine has ended. */
  readonly settleDeadline: number;
  /** How long memory that did not come back in time is looked for before it counts as leaked. */
  readonly leakDeadline: number;
  /** How long a load may wait for memory that others use. */
  readonly queueWait: number;
  /**
   * How long a load may wait for engines in use before these take no more requests: until then requests to a loaded model
   * are served together, however many come, and from then on the model that waits has its turn.
   */
  readonly groupWait: number;
  /** Callers that may wait for one model at once; more are refused. */
  readonly maxQueue: number;
  /** How long an engine that has work may make no progress before it is given up. */
  readonly stallDeadline: number;
  /** How often memory is read while engines are loaded. */
  readonly memoryInterval: number;
  /** How long an engine stays at least before it makes room for another. */
  readonly minimumResidency: number;
  /** Losses in a row after which a model counts as failed. */
  readonly crashLimit: number;
  /** An engine that served for this long was no crash loop. */
  readonly steadyAfter: number;
  /** Time after a failed load before a request tries again; doubles with each failure, up to the maximum. */
  readonly firstRetry: number;
  readonly lastRetry: number;
}

export const defaultPolicy: PoolPolicy = {
  teardownDeadline: 10_000,
  settleDeadline: 5_000,
  leakDeadline: 60_000,
  queueWait: 30_000,
  groupWait: 10_000,
  maxQueue: 256,
  stallDeadline: 300_000,
  memoryInterval: 2_000,
  minimumResidency: 1_000,
  crashLimit: 3,
  steadyAfter: 60_000,
  firstRetry: 1_000,
  lastRetry: 60_000,
};

/** How long to wait after so many failures in a row. */
export function backOff({ firstRetry, lastRetry }: PoolPolicy, failures: number): number {
  return Math.min(lastRetry, firstRetry * 2 ** Math.max(0, failures - 1));
}
