import type { EmbedRequest } from '../core/embedding.js';
import type { Prompt } from '../core/generation.js';

/**
 * Inputs of an embed request that the scheduler has not been given yet. It gets as many as can run at once, and one more
 * for each that is done: a request with many inputs stands in the queue again and again, so that it does not keep later
 * requests waiting for all of them, and no more than that is tokenized at a time.
 */
export class InputQueue {
  readonly request: EmbedRequest;
  readonly lane: number;
  #next = 0;

  constructor(request: EmbedRequest, lane: number) {
    this.request = request;
    this.lane = lane;
  }

  take(): { readonly index: number; readonly input: Prompt } | undefined {
    const index = this.#next;
    const input = this.request.inputs[index];
    if (input === undefined) return undefined;
    this.#next++;
    return { index, input };
  }
}
