import { HeddleError } from '../core/errors.js';
import { ChatClient } from './chat-client.js';
import type { StreamResult } from './chat-stream.js';
import { assumedCalibration, type Calibration } from './prompt-writer.js';
import type { BenchSettings, TargetSettings } from './settings.js';
import { words } from './words.js';
import { user } from './workload.js';

/** Words of the prompt that tells what the chat template takes. */
const fewWords = 10;
/** Words of a prompt in which words are counted: it fits into a small context. */
const partWords = 120;

/** A server that is being measured: its client, its models, and what it understands. */
export class Target {
  readonly client: ChatClient;
  readonly model: string;
  /** Undefined when no workload needs one. */
  readonly secondModel: string | undefined;

  private constructor(client: ChatClient, model: string, secondModel: string | undefined) {
    this.client = client;
    this.model = model;
    this.secondModel = secondModel;
  }

  /**
   * Finds the server's models, where the settings do not name them.
   * @throws HeddleError `invalid_parameter`, `server_unreachable` or `bench_failed`
   */
  static async open(
    { url, apiKey, model, secondModel }: TargetSettings,
    { timeout, body }: Pick<BenchSettings, 'timeout' | 'body'>,
    needsSecond: boolean,
  ): Promise<Target> {
    const client = new ChatClient({ url, timeout, body, ...(apiKey === undefined ? {} : { apiKey }) });
    try {
      const asks = model === undefined || (needsSecond && secondModel === undefined);
      const models = asks ? await client.models() : [];
      const first = model ?? models[0];
      if (first === undefined) throw new HeddleError('bench_failed', `${client.url} has no models.`);
      if (!needsSecond) return new Target(client, first, undefined);
      const second = secondModel ?? models.find((id) => id !== first);
      if (second !== undefined) return new Target(client, first, second);
      throw new HeddleError('invalid_parameter', `duo needs two models; ${client.url} has one.`, {
        param: 'second-model',
      });
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /**
   * Finds out what the server understands, and how many tokens a word of {@link words} takes on average; the model is
   * loaded then. A text and the same text twice tell the template's tokens apart from the text's.
   * @throws HeddleError `server_unreachable` or `bench_failed` when it does not answer
   */
  async calibrate(): Promise<Calibration> {
    const few = words.slice(0, fewWords);
    const once = (await this.#negotiate(few.join(' '))).promptTokens;
    const twice = await this.#count([...few, ...few]);
    if (once === undefined || twice === undefined) return assumedCalibration;
    const templateTokens = Math.max(0, 2 * once - twice);
    let tokens = 0;
    for (let from = 0; from < words.length; from += partWords) {
      const counted = await this.#count(words.slice(from, from + partWords));
      if (counted === undefined) return assumedCalibration;
      tokens += counted - templateTokens;
    }
    const tokensPerWord = tokens / words.length;
    return tokensPerWord > 0 ? { tokensPerWord, templateTokens, measured: true } : assumedCalibration;
  }

  /** A short request that is not counted. Never rejects. */
  async warmUp(text: string, model: string = this.model): Promise<StreamResult> {
    return this.#ask(text, model);
  }

  /** The richest dialect that the server does not refuse. */
  async #negotiate(text: string): Promise<StreamResult> {
    const dialects = [
      { ignoreEos: true, usage: true },
      { ignoreEos: false, usage: true },
      { ignoreEos: true, usage: false },
      { ignoreEos: false, usage: false },
    ];
    let first: StreamResult | undefined;
    for (const dialect of dialects) {
      this.client.dialect = dialect;
      const result = await this.#ask(text);
      first ??= result;
      if (/^http 4(00|22)/.test(result.failure?.kind ?? '')) continue;
      refuse(result, this.client.url);
      return result;
    }
    // What it says to the form that most servers understand tells most.
    refuse(first, this.client.url);
    throw new HeddleError('bench_failed', `${this.client.url} refuses every form of a request.`);
  }

  /** Tokens of a prompt of these words; undefined when the server does not tell. */
  async #count(some: readonly string[]): Promise<number | undefined> {
    const result = await this.#ask(some.join(' '));
    refuse(result, this.client.url);
    return result.promptTokens;
  }

  async #ask(text: string, model: string = this.model): Promise<StreamResult> {
    return this.client.stream({ model, messages: [user(text)], maxTokens: 4 }).finished;
  }
}

/**
 * An answer without text will do: a model may end at once.
 * @throws HeddleError `server_unreachable` or `bench_failed` for an answer that failed, or was given up
 */
export function refuse(result: StreamResult | undefined, url: string): void {
  const failure = result?.failure;
  if (result?.cancelled === true) throw new HeddleError('bench_failed', 'The benchmark was interrupted.');
  if (failure === undefined || failure.kind === 'empty') return;
  if (failure.kind === 'connect')
    throw new HeddleError('server_unreachable', `No server answers at ${url}: ${failure.message}`);
  throw new HeddleError(
    'bench_failed',
    `${url} does not answer as it should: ${failure.message} (${failure.kind})`,
  );
}
