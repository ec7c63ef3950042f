import type { Logger } from '../core/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import type { EnginePool } from '../pool/engine-pool.js';

/** What routes need. */
export interface RouteContext {
  readonly pool: EnginePool;
  readonly log: Logger;
  /** Without them there is no `/metrics`. They are to be an observer of the pool too. */
  readonly metrics?: Metrics;
}
