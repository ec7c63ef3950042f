import type { HeddleError } from '../core/errors.js';
import type { GenerationUpdate } from './generation.js';

/**
 * Hears what becomes of one request when it reaches the gateway, whenever its reader reads it. Called for every token:
 * what it does is time that the gateway does not have for others. It must not throw.
 */
export interface RequestObserver {
  /**
   * The engine has taken the request, has begun with it, or has done something for one of its choices.
   * @param now when the engine's message arrived, milliseconds of `performance.now()`
   */
  updated(update: GenerationUpdate, now: number): void;
  /** The request ended with an error: that of the engine, its loss, or `request_cancelled` when its reader left. */
  failed(error: HeddleError): void;
}
