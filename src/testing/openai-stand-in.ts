import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A chat completion as it was asked for. */
export interface AskedCompletion {
  /** Counts from 0: how many were asked for before it. */
  readonly number: number;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly max_tokens: number;
    readonly ignore_eos?: boolean;
    readonly stream_options?: object;
  };
  readonly headers: http.IncomingHttpHeaders;
}

export interface StandInOptions {
  readonly models?: readonly string[];
  /** Takes the answer over: what it does not end stays open. Answers true when it did. */
  readonly instead?: (response: http.ServerResponse, asked: AskedCompletion) => boolean;
  /** Tokens of a word in a prompt; 1 when absent. */
  readonly tokensPerWord?: number;
  /** Tokens of a prompt besides its words. */
  readonly templateTokens?: number;
  /** What `cached_tokens` says of a prompt; it is not told when this is absent. */
  readonly cached?: (asked: AskedCompletion) => number;
  /** No `usage` at all. */
  readonly silent?: boolean;
}

/** Stands in for a server with the OpenAI API: answers every chat completion with as many words as were asked for. */
export class OpenAiStandIn {
  readonly url: string;
  /** All completions that were asked for, the latest last. */
  readonly asked: AskedCompletion[] = [];
  readonly #server: http.Server;
  readonly #options: StandInOptions;

  private constructor(server: http.Server, options: StandInOptions) {
    this.#server = server;
    this.#options = options;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(options: StandInOptions = {}): Promise<OpenAiStandIn> {
    const server = http.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return new OpenAiStandIn(server, options);
  }

  /** It is gone for its clients at once: connections are reset, and there are no new ones. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { models = ['one', 'two'], instead } = this.#options;
    if (request.url === '/v1/models') {
      response.end(JSON.stringify({ data: models.map((id) => ({ id })) }));
      return;
    }
    const body = (await json(request)) as AskedCompletion['body'];
    const asked = { number: this.asked.length, body, headers: request.headers };
    this.asked.push(asked);
    if (instead?.(response, asked) !== true) this.#complete(response, asked);
  }

  #complete(response: http.ServerResponse, asked: AskedCompletion): void {
    const { tokensPerWord = 1, templateTokens = 0, cached, silent } = this.#options;
    const { messages, max_tokens: length } = asked.body;
    const words = messages.flatMap(({ content }) => content.split(' ')).length;
    for (let count = 0; count < length; count++)
      sendEvent(response, { choices: [{ delta: { content: `word${count} ` }, finish_reason: null }] });
    sendEvent(response, { choices: [{ delta: {}, finish_reason: 'length' }] });
    const details = cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: cached(asked) } };
    if (silent !== true)
      sendEvent(response, {
        choices: [],
        usage: {
          prompt_tokens: Math.round(words * tokensPerWord) + templateTokens,
          completion_tokens: length,
          ...details,
        },
      });
    response.end('data: [DONE]\n\n');
  }
}

/** Sends one event of a stream, and its head before the first one. */
export function sendEvent(response: http.ServerResponse, data: object): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`data: ${JSON.stringify(data)}\n\n`);
}
