import type { AccessPolicy } from '../core/access.js';
import type { Logger } from '../core/logger.js';
import type { ResponseLimits } from '../core/response-limits.js';
import type { Metrics } from '../metrics/metrics.js';
import type { EnginePool } from '../pool/engine-pool.js';

/** What routes need. */
export interface RouteContext {
  readonly pool: EnginePool;
  readonly log: Logger;
  /** Without them there is no `/metrics`. They are to be an observer of the pool too. */
  readonly metrics?: Metrics;
  /** Who may ask for what at the moment; `defaultAccess`, with no keys, when absent. */
  readonly access?: () => AccessPolicy;
  /** What stored responses may take at the moment; `defaultResponseLimits` when absent. */
  readonly responses?: () => ResponseLimits;
  /** How long a stream that has pings is silent before one, milliseconds; 10,000 when absent. */
  readonly pingInterval?: number;
}
