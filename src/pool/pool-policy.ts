/** Times and counts by which a pool decides; all times in milliseconds. */
export interface PoolPolicy {
  /** How long an engine may take to free a model before it is killed or quarantined. */
  readonly teardownDeadline: number;
  /** How long memory may take to come back after an engine has ended. */
  readonly settleDeadline: number;
  /** How long a load may wait for memory that others use. */
  readonly queueWait: number;
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
  queueWait: 30_000,
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
