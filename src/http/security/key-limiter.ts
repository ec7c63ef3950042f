import type { FastifyReply } from 'fastify';
import type { AccessKey, KeyLimits } from '../../core/access.js';
import { HeddleError } from '../../core/errors.js';
import { RequestBudget, type BudgetLeft } from './request-budget.js';
import { RunningRequests } from './running-requests.js';

/** Holds each key to its limits. Requests without a key are held to theirs together. */
export class KeyLimiter {
  readonly #budget = new RequestBudget();
  readonly #running = new RunningRequests();

  /**
   * Counts a request until its response is closed, and tells its client in headers what is left.
   * @param key undefined where none was needed
   * @throws HeddleError `rate_limited`, with `retry-after` set
   */
  enter(
    key: AccessKey | undefined,
    { requestsPerMinute, concurrentRequests }: KeyLimits,
    reply: FastifyReply,
  ): void {
    const who = key === undefined ? '' : Buffer.from(key.digest).toString('base64url');
    const running = this.#running.of(who);
    if (running >= concurrentRequests) {
      reply.header('retry-after', '1');
      throw new HeddleError(
        'rate_limited',
        `${subject(key)} may have ${concurrentRequests} requests answered at once, and has ${running}. Send the request again when one has ended.`,
      );
    }
    if (requestsPerMinute !== Infinity) {
      const left = this.#budget.take(who, requestsPerMinute);
      tell(left, reply);
      if (!left.allowed) {
        const seconds = Math.max(1, Math.ceil(left.wait / 1000));
        reply.header('retry-after', String(seconds));
        throw new HeddleError(
          'rate_limited',
          `${subject(key)} may send ${left.limit} requests a minute. Send the request again in ${seconds} s.`,
        );
      }
    }
    reply.raw.once('close', this.#running.enter(who));
  }
}

function subject(key: AccessKey | undefined): string {
  return key === undefined ? 'Those without a key together' : 'This API key';
}

/** The headers of OpenAI's API, on the raw response, so that streams have them too. */
function tell({ limit, remaining, reset }: BudgetLeft, { raw }: FastifyReply): void {
  raw.setHeader('x-ratelimit-limit-requests', limit);
  raw.setHeader('x-ratelimit-remaining-requests', remaining);
  raw.setHeader('x-ratelimit-reset-requests', `${(reset / 1000).toFixed(3)}s`);
}
