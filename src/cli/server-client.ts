import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { HeddleError, type ErrorCode } from '../core/errors.js';

/** What is asked, beside the address. */
interface Question {
  /** `GET` when absent. */
  readonly method?: string;
  readonly body?: object;
  /** Absent to send none. */
  readonly apiKey?: string | undefined;
}

/**
 * Asks a running server, and waits as long as it takes: loading a large model takes minutes, which `fetch` does not wait
 * for an answer.
 * @throws HeddleError what the server answered; `server_unreachable` when none does
 */
export async function askServer(
  url: string,
  { method = 'GET', body, apiKey }: Question = {},
): Promise<unknown> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const { status, answer } = await new Promise<{ status: number; answer: string }>((resolve, reject) => {
    const unreachable = (cause: unknown): void =>
      reject(
        new HeddleError(
          'server_unreachable',
          `No server answers at ${new URL(url).origin}. Is heddle serve running?`,
          { cause },
        ),
      );
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    };
    const outgoing = request(url, { method, headers }, (response) => {
      text(response).then(
        (answered) => resolve({ status: response.statusCode ?? 0, answer: answered }),
        unreachable,
      );
    });
    outgoing.once('error', unreachable);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (status < 400) return JSON.parse(answer) as unknown;
  throw toError(url, status, answer);
}

/** What answers may be no heddle. */
function toError(url: string, status: number, answer: string): HeddleError {
  try {
    const { error } = JSON.parse(answer) as { error: { code: ErrorCode; message: string } };
    return new HeddleError(error.code, error.message);
  } catch (cause) {
    const origin = new URL(url).origin;
    return new HeddleError(
      'server_unreachable',
      `What answers at ${origin} is no heddle (status ${status}).`,
      {
        cause,
      },
    );
  }
}
