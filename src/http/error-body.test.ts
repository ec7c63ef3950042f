import { describe, expect, test } from 'vitest';
import { errorCatalogue, HeddleError, type ErrorCode } from '../core/errors.js';
import { apiOf, errorBodyFor } from './error-body.js';

const codes = Object.keys(errorCatalogue) as ErrorCode[];

test.each([
  ['/v1/messages', 'anthropic'],
  ['/v1/messages?beta=true', 'anthropic'],
  ['/v1/messages/count_tokens', 'anthropic'],
  ['/v1/messagesx', 'openai'],
  ['/api/chat', 'ollama'],
  ['/api', 'openai'],
  ['/apis/x', 'openai'],
  ['/v1/chat/completions', 'openai'],
  ['/nowhere?/api/', 'openai'],
])('%s is of the API of %s', (url, api) => expect(apiOf(url)).toBe(api));

describe("an error in Anthropic's shape", () => {
  test.each(codes)('%s is of one of its types, and nothing else is in it', (code) => {
    const error = new HeddleError(code, 'what happened', { param: 'p' });
    const body = errorBodyFor('anthropic', error, 'req_1');
    expect(body).toEqual({
      type: 'error',
      error: { type: expect.any(String) as string, message: 'what happened' },
      request_id: 'req_1',
    });
    const { type } = (body as { error: { type: string } }).error;
    const { status } = errorCatalogue[code];
    expect(['api_error', 'overloaded_error'].includes(type)).toBe(status >= 500);
  });

  test.each<[ErrorCode, string]>([
    ['invalid_parameter', 'invalid_request_error'],
    ['context_length_exceeded', 'invalid_request_error'],
    ['method_not_allowed', 'invalid_request_error'],
    ['invalid_api_key', 'authentication_error'],
    ['permission_denied', 'permission_error'],
    ['host_not_allowed', 'permission_error'],
    ['model_not_found', 'not_found_error'],
    ['route_not_found', 'not_found_error'],
    ['body_too_large', 'request_too_large'],
    ['rate_limited', 'rate_limit_error'],
    ['internal_error', 'api_error'],
    ['engine_crashed', 'api_error'],
    ['queue_full', 'overloaded_error'],
    ['insufficient_memory', 'overloaded_error'],
    ['memory_pressure', 'overloaded_error'],
  ])('%s is %s', (code, type) => {
    expect(errorBodyFor('anthropic', new HeddleError(code, 'x'), '')).toMatchObject({ error: { type } });
  });

  test('memory that will never be enough is no overload', () => {
    const error = new HeddleError('insufficient_memory', 'x', { retryable: false });
    expect(errorBodyFor('anthropic', error, '')).toMatchObject({ error: { type: 'api_error' } });
  });
});

test("an error in Ollama's shape is its message", () => {
  expect(errorBodyFor('ollama', new HeddleError('model_not_found', 'There is none.'), 'req_1')).toEqual({
    error: 'There is none.',
  });
});

test("an error in OpenAI's shape has its code and parameter", () => {
  const error = new HeddleError('invalid_parameter', 'No.', { param: 'n' });
  expect(errorBodyFor('openai', error, 'req_1')).toEqual({
    error: { message: 'No.', type: 'invalid_request_error', param: 'n', code: 'invalid_parameter' },
  });
});
