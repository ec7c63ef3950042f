import { errorCatalogue, type ErrorCode, type HeddleError } from '../../core/errors.js';

/** Anthropic's classes of errors. */
type AnthropicErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'overloaded_error';

const typesOfStatus: Readonly<Record<number, AnthropicErrorType>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
};

/** The server is well, and has too much to do or too little room. */
const overload: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'insufficient_memory',
  'memory_pressure',
  'model_unloading',
  'queue_full',
  'server_shutting_down',
]);

/** An error in the shape of the Anthropic API; in a stream it is the data of an `error` event. */
export function anthropicErrorBody(
  error: HeddleError,
  requestId: string,
): { type: 'error'; error: object; request_id: string } {
  return {
    type: 'error',
    error: { type: anthropicErrorTypeOf(error.code, error.retryable), message: error.message },
    request_id: requestId,
  };
}

/** @param retryable of this very error */
export function anthropicErrorTypeOf(code: ErrorCode, retryable: boolean): AnthropicErrorType {
  const { status } = errorCatalogue[code];
  if (status < 500) return typesOfStatus[status] ?? 'invalid_request_error';
  return retryable && overload.has(code) ? 'overloaded_error' : 'api_error';
}
