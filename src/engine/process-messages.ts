import { errorCatalogue, type ErrorData } from '../core/errors.js';
import type { RequestUpdate } from '../core/generation.js';
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

const requestKinds = ['start', 'command', 'open-lane', 'cancel', 'cancel-all', 'cancel-load'];

/** The gateway is taken at its word: only what is plainly something else is refused. */
export function isProcessRequest(message: unknown): message is ProcessRequest {
  return isRecord(message) && requestKinds.includes(message['kind'] as string);
}

/**
 * What an engine process with a damaged memory sends must not throw in the gateway. The values of results are not
 * looked into: they go to the one who made the call.
 */
export function isProcessNotice(message: unknown): message is ProcessNotice {
  if (!isRecord(message)) return false;
  if (message['kind'] === 'event') return isEvent(message['event']);
  return message['kind'] === 'gone' && (message['error'] === undefined || isErrorData(message['error']));
}

function isEvent(event: unknown): boolean {
  if (!isRecord(event)) return false;
  switch (event['type'] as EngineEvent['type']) {
    case 'step':
      return Array.isArray(event['updates']) && event['updates'].every(isUpdate);
    case 'alive':
      return true;
    case 'result':
      return typeof event['call'] === 'number';
    case 'refused':
      return typeof event['call'] === 'number' && isErrorData(event['error']);
    case 'loading':
      return typeof event['fraction'] === 'number';
    default:
      return false;
  }
}

function isUpdate(update: unknown): boolean {
  if (!isRecord(update) || !isText(update['requestId'])) return false;
  switch (update['kind'] as RequestUpdate['kind']) {
    case 'choice':
      return (
        isCount(update['choice']) &&
        isText(update['text']) &&
        isCount(update['completionTokens']) &&
        (update['finish'] === undefined || isFinish(update['finish']))
      );
    case 'accepted':
      return isCount(update['promptTokens']);
    case 'failed':
      return isErrorData(update['error']);
    default:
      return false;
  }
}

function isFinish(finish: unknown): boolean {
  if (!isRecord(finish)) return false;
  return (finish['reason'] === 'stop' || finish['reason'] === 'length') && isText(finish['stopString'], true);
}

function isErrorData(error: unknown): boolean {
  return (
    isRecord(error) &&
    isText(error['code']) &&
    Object.hasOwn(errorCatalogue, error['code'] as string) &&
    isText(error['message']) &&
    isText(error['param'], true)
  );
}

function isText(value: unknown, optional = false): boolean {
  return typeof value === 'string' || (optional && value === undefined);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
