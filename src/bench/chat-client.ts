import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { HeddleError } from '../core/errors.js';
import { failureOf, parse, type Failure } from './chat-chunk.js';
import { ChatStream } from './chat-stream.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly maxTokens: number;
}

/** What a server understands beyond what all do. */
export interface Dialect {
  /** `ignore_eos`: every answer has the length that was asked for. */
  readonly ignoreEos: boolean;
  /** `stream_options.include_usage`: the server counts the tokens of a stream. */
  readonly usage: boolean;
}

export interface ClientOptions {
  /** With or without `/v1` at its end. */
  readonly url: string;
  readonly apiKey?: string;
  /** Milliseconds after which a request is a failure. */
  readonly timeout: number;
  /** Further fields of every request's body. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Milliseconds in which a reset says that the server had closed a kept connection before our request came. */
const closingTime = 250;

/**
 * Speaks to one OpenAI-compatible server. On node:http, not fetch: that gives up on a server which is silent for five
 * minutes, and a long prompt on a small machine is. Connections are kept, and there is no limit to them.
 */
export class ChatClient {
  /** Without `/v1`. */
  readonly url: string;
  dialect: Dialect = { ignoreEos: true, usage: true };
  readonly #http: typeof http | typeof https;
  readonly #options: ClientOptions;
  readonly #running = new Set<ChatStream>();
  #agent: http.Agent | https.Agent;
  #closed = false;

  /** @throws HeddleError `invalid_parameter` when the URL is none */
  constructor(options: ClientOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
      throw new HeddleError('invalid_parameter', `${options.url} is no http or https URL.`, { param: 'url' });
    this.url = options.url.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.#options = options;
    this.#http = url.protocol === 'https:' ? https : http;
    this.#agent = this.#newAgent();
  }

  /** Sends a request now. Of a closed client it is one that was given up. */
  stream(request: ChatRequest): ChatStream {
    const { ignoreEos, usage } = this.dialect;
    const body = JSON.stringify({
      model: request.model,
      messages: request.messages,
      max_tokens: request.maxTokens,
      temperature: 0,
      stream: true,
      ...(usage ? { stream_options: { include_usage: true } } : {}),
      ...(ignoreEos ? { ignore_eos: true } : {}),
      ...this.#options.body,
    });
    const stream = new ChatStream();
    if (this.#closed) {
      stream.cancel();
      return stream;
    }
    this.#running.add(stream);
    const seconds = this.#options.timeout / 1000;
    const timer = setTimeout(
      () => stream.fail({ kind: 'timeout', message: `It took longer than ${seconds} s.` }),
      this.#options.timeout,
    );
    void stream.finished.then(() => {
      clearTimeout(timer);
      this.#running.delete(stream);
    });
    this.#post(stream, body, true);
    return stream;
  }

  /**
   * Ids of the server's models, in its order.
   * @throws HeddleError `server_unreachable`, or `bench_failed` when it answers otherwise
   */
  async models(): Promise<string[]> {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const options = { agent: this.#agent, headers: this.#headers(), timeout: 10_000 };
      const request = this.#http.get(`${this.url}/v1/models`, options, resolve);
      request.once('timeout', () => request.destroy(new Error('It does not answer.')));
      request.once('error', reject);
    }).catch((error: unknown) => {
      throw new HeddleError('server_unreachable', `No server answers at ${this.url}.`, { cause: error });
    });
    const answer = await text(response).catch((error: unknown) => {
      throw new HeddleError('server_unreachable', `${this.url} closed the connection.`, { cause: error });
    });
    const list = response.statusCode === 200 ? parse(answer)?.['data'] : undefined;
    if (Array.isArray(list)) {
      const ids = list.map((entry: { id?: unknown } | null) => entry?.id);
      return ids.filter((id) => typeof id === 'string');
    }
    throw new HeddleError(
      'bench_failed',
      `${this.url}/v1/models gives no list of models: ${response.statusCode}, ${answer.slice(0, 200)}`,
    );
  }

  /** Gives up the connections that are kept, as for a server that was restarted. */
  disconnect(): void {
    this.#agent.destroy();
    this.#agent = this.#newAgent();
  }

  /** Gives up all requests and connections; the client is of no use then. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#running) stream.cancel();
    this.#agent.destroy();
  }

  #post(stream: ChatStream, body: string, first: boolean): void {
    const request = this.#http.request(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      agent: this.#agent,
      headers: { ...this.#headers(), 'content-length': Buffer.byteLength(body) },
    });
    const sentAt = performance.now();
    let answered = false;
    stream.abort = () => request.destroy();
    request.setNoDelay(true);
    request.once('response', (response) => {
      answered = true;
      if (response.statusCode !== 200) {
        void refusal(response).then((failure) => stream.fail(failure));
        return;
      }
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => stream.push(chunk));
      response.once('end', () => stream.close());
      response.once('error', (error) => stream.fail({ kind: 'reset', message: error.message }));
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      // A server may close a kept connection in the moment in which we use it: that is nobody's failure.
      const atOnce = performance.now() - sentAt < closingTime;
      if (
        first &&
        request.reusedSocket &&
        kindOf(error) === 'reset' &&
        atOnce &&
        !answered &&
        !stream.ended
      ) {
        this.#post(stream, body, false);
        return;
      }
      stream.fail({ kind: kindOf(error), message: error.message });
    });
    request.end(body);
  }

  #headers(): Record<string, string> {
    const { apiKey } = this.#options;
    return {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    };
  }

  #newAgent(): http.Agent | https.Agent {
    return new this.#http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024 });
  }
}

/** The kind of a failure below HTTP's answers. */
function kindOf({ code = '' }: NodeJS.ErrnoException): string {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  return code.startsWith('HPE_') ? 'malformed' : 'connect'; // HPE: what came is no HTTP
}

/** What an answer other than 200 says. */
async function refusal(response: http.IncomingMessage): Promise<Failure> {
  const where = `http ${response.statusCode}`;
  try {
    const answer = await text(response);
    const body = parse(answer);
    return body === undefined
      ? { kind: where, message: answer.slice(0, 200) }
      : failureOf(where, body['error']);
  } catch (error) {
    return { kind: 'reset', message: (error as Error).message };
  }
}
