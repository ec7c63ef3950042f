import type { Socket } from 'node:net';
import { HeddleError } from '../core/errors.js';
import { errorBody } from './openai/error-body.js';
import { newRequestId } from './request-id.js';
import type { RouteContext } from './route-context.js';

/** Answers what can not be read as a request, and closes the connection: where the next one would begin is not known. */
export function answerClientError(
  thrown: NodeJS.ErrnoException,
  socket: Socket,
  { log, metrics }: Pick<RouteContext, 'log' | 'metrics'>,
): void {
  if (thrown.code === 'ECONNRESET' || socket.destroyed) return;
  const error = toError(thrown.code);
  metrics?.requestFailed(error.code);
  const id = newRequestId();
  log.debug({ id, code: error.code, reason: thrown.code }, error.message);
  const body = JSON.stringify(errorBody(error));
  if (socket.writable) {
    socket.write(
      [
        `HTTP/1.1 ${error.status} ${statusText(error)}`,
        'content-type: application/json; charset=utf-8',
        `content-length: ${Buffer.byteLength(body)}`,
        `x-request-id: ${id}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  }
  socket.destroySoon();
}

function toError(code: string | undefined): HeddleError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HeddleError('request_timeout', 'The request did not arrive in time.');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HeddleError('headers_too_large', 'The headers of the request are too large.');
  return new HeddleError('invalid_http', 'This is no HTTP request that the server can read.');
}

function statusText({ code }: HeddleError): string {
  if (code === 'request_timeout') return 'Request Timeout';
  return code === 'headers_too_large' ? 'Request Header Fields Too Large' : 'Bad Request';
}
