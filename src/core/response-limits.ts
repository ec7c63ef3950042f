/** What the store of responses may take; the oldest of whoever has most of them go first. */
export interface ResponseLimits {
  /** Responses; 0 for none. */
  readonly count: number;
  /** All that they and what they go on from say, as bytes of JSON. */
  readonly bytes: number;
}

/** What holds where nothing is said. */
export const defaultResponseLimits: ResponseLimits = { count: 1000, bytes: 64 * 2 ** 20 };
