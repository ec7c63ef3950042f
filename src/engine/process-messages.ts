import type { ErrorData } from '../core/errors.js';
import type { EngineCommand, EngineEvent } from './protocol.js';

/*
 * What crosses the channel between the gateway and an engine process: the engine's own commands and events, and what
 * the gateway would otherwise do in shared memory. The channel keeps the order.
 */

/** Gateway to engine process. */
export type ProcessRequest =
  | { readonly kind: 'start'; readonly name: string; readonly runnerModule: string | undefined }
  | { readonly kind: 'command'; readonly command: EngineCommand }
  | { readonly kind: 'open-lane' | 'cancel'; readonly lane: number }
  | { readonly kind: 'cancel-all' | 'cancel-load' };

/** Engine process to gateway. */
export type ProcessNotice =
  | { readonly kind: 'event'; readonly event: EngineEvent }
  /** The engine thread has gone; the process ends. */
  | { readonly kind: 'gone'; readonly error: ErrorData | undefined };

/** The channel's two pipes among the file descriptors of an engine process. */
export const requestPipe = 3;
export const noticePipe = 4;
