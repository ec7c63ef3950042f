import type { HeddleError } from '../core/errors.js';

/*
 *   unloaded --> queued --> loading --> ready --> draining --> unloading --> settling --> unloaded
 *       \__________________/  |   \       |           |            |
 *                             |    \      | lost      | lost       | unconfirmed
 *                             v     \     v           v            v
 *                           failed   `-> unloaded or failed     quarantined --> unloaded
 *
 * A host that stalls is given up: a process is lost, a thread becomes quarantined, from queued, loading, ready or
 * draining. A ready engine is busy while it has requests; that is a count, not a state.
 */

/** The states of a model in the pool, what each waits for, and who ends it. */
export type EngineState =
  /** Nothing of it is in memory. Ended by a request. */
  | { readonly kind: 'unloaded' }
  /** Waits for memory. Ended by the pool when there is room, or at its deadline. */
  | { readonly kind: 'queued'; readonly since: number }
  /** Its host loads it. Ended by the host; it can be cancelled. */
  | { readonly kind: 'loading'; readonly since: number }
  /** Serves requests. Ended by an unload, or by the loss of its host. */
  | { readonly kind: 'ready'; readonly since: number }
  /** Takes no more requests; running ones go on until they have ended, or as long as whoever unloads it allows. */
  | { readonly kind: 'draining'; readonly since: number }
  /** Its host tears it down. Ended by the host's end; a process is killed at the deadline. */
  | { readonly kind: 'unloading'; readonly since: number; readonly deadline: number }
  /** The host has ended; its memory is read until it has come back. Ended by a reading, or at the deadline. */
  | { readonly kind: 'settling'; readonly since: number; readonly deadline: number }
  /** Could not be loaded, or was lost too often. Ended by a request after `retryAt`. */
  | { readonly kind: 'failed'; readonly error: HeddleError; readonly retryAt: number }
  /** Its teardown was never confirmed: the thread and its memory are still there. Ended by the thread's end, or a request. */
  | { readonly kind: 'quarantined'; readonly since: number };

export type EngineStateKind = EngineState['kind'];

/** Which state may follow which. Anything else is a bug, and throws. */
export const transitions: Readonly<Record<EngineStateKind, readonly EngineStateKind[]>> = {
  unloaded: ['queued'],
  queued: ['loading', 'unloaded', 'failed', 'quarantined'],
  loading: ['ready', 'failed', 'unloaded', 'quarantined'],
  ready: ['draining', 'unloaded', 'failed', 'quarantined'],
  draining: ['unloading', 'unloaded', 'failed', 'quarantined'],
  unloading: ['settling', 'quarantined'],
  settling: ['unloaded'],
  failed: ['queued'],
  quarantined: ['queued', 'unloaded'],
};
