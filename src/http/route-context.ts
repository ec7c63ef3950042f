import type { Logger } from '../core/logger.js';
import type { EnginePool } from '../pool/engine-pool.js';

/** What routes need. */
export interface RouteContext {
  readonly pool: EnginePool;
  readonly log: Logger;
}
