import { describe, expect, test } from 'vitest';
import { errorCatalogue, HeddleError, toErrorData, toHeddleError, type ErrorCode } from './errors.js';

const codes = Object.keys(errorCatalogue) as ErrorCode[];

describe('errors as data', () => {
  test.each(codes)('%s is the same after it crossed a boundary', (code) => {
    const data = toErrorData(new HeddleError(code, 'what happened', { param: 'messages[0]' }));
    const crossed = HeddleError.from(structuredClone(data));
    expect(crossed).toBeInstanceOf(HeddleError);
    expect(toErrorData(crossed)).toEqual(data);
    expect(crossed).toMatchObject({
      code,
      message: 'what happened',
      param: 'messages[0]',
      status: errorCatalogue[code].status,
      retryable: errorCatalogue[code].retryable,
    });
  });

  test('keeps what this one says of being sent again', () => {
    const data = toErrorData(new HeddleError('insufficient_memory', 'x', { retryable: false }));
    expect(data).toEqual({ code: 'insufficient_memory', message: 'x', retryable: false });
    expect(HeddleError.from(data)).toMatchObject({ retryable: false, status: 507 });
  });

  test('has no param where there is none, so that it stays plain JSON', () => {
    const data = toErrorData(new HeddleError('invalid_json', 'x'));
    expect(data).toEqual({ code: 'invalid_json', message: 'x', retryable: false });
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
    expect('param' in data).toBe(false);
  });

  test.each([
    [new TypeError('broken'), 'broken'],
    ['a string', 'a string'],
    [undefined, 'undefined'],
  ] as const)(
    'anything else that is thrown, as %s, is an internal error with its message',
    (thrown, text) => {
      const error = toHeddleError(thrown);
      expect(error).toMatchObject({ code: 'internal_error', status: 500, retryable: false });
      expect(error.message).toContain(text);
      expect(error.cause).toBe(thrown);
    },
  );

  test('a HeddleError is passed on as it is', () => {
    const error = new HeddleError('queue_full', 'x');
    expect(toHeddleError(error)).toBe(error);
  });
});

describe('the catalogue', () => {
  test.each(codes)('%s has an HTTP error status that fits its type', (code) => {
    const { status, type, retryable } = errorCatalogue[code];
    const typeOfClient = status === 429 ? 'rate_limit_error' : 'invalid_request_error';
    expect(type).toBe(status < 500 ? typeOfClient : 'server_error');
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(retryable).toBe([429, 503, 507].includes(status));
  });
});
