import type { ErrorData } from '../core/errors.js';
import type { Aborts } from './abort-board.js';
import type { EngineCommand, EngineEvent } from './protocol.js';

/** What the gateway hears from an engine host. */
export interface TransportListener {
  onEvent(event: EngineEvent): void;
  /** The host is gone, once and for all. `error` is set when it did not end by itself after `close`. */
  onExit(error?: ErrorData): void;
}

/** The gateway's end of the connection to an engine host, whatever kind that is. */
export interface EngineTransport {
  /** Reaches the engine while it computes. */
  readonly aborts: Aborts;
  /** Starts the host. Nothing runs before this. */
  start(listener: TransportListener): void;
  /** Sends a command; they arrive in order. After the host has gone, does nothing. */
  post(command: EngineCommand): void;
  /** Memory that the host takes beside the model, bytes. */
  readonly hostBytes: number;
  /** The OS's process id of a host that is a process, while it runs. */
  readonly processId?: number | undefined;
  /** What the host wrote to its standard error lately, the native library's log included; for the operator's eyes. */
  readonly lastWords?: string;
  /** Ends the host at once, without any teardown. Only a host that is a process can be ended so. */
  destroy?(): void;
}
