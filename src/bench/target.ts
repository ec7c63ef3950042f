import { HeddleError } from '../core/errors.js';
import { ChatClient } from './chat-client.js';
import type { StreamResult } from './chat-stream.js';
import { assumedCalibration, PromptWriter, type Calibration } from './prompt-writer.js';
import type { BenchSettings, TargetSettings } from './settings.js';
import { user } from './workload.js';

/** Words of the two prompts whose token counts are compared. */
const fewWords = 32;
const manyWords = 160;

/** A server that is being measured: its client, its models, and what it understands. */
export class Target {
  readonly client: ChatClient;
  readonly model: string;
  /** Undefined when the server has one model only. */
  readonly secondModel: string | undefined;

  private constructor(client: ChatClient, model: string, secondModel: string | undefined) {
    this.client = client;
    this.model = model;
    this.secondModel = secondModel;
  }

  /**
   * Finds the server's models.
   * @throws HeddleError `invalid_parameter`, `server_unreachable` or `bench_failed`
   */
  static async open(
    { url, apiKey, model, secondModel }: TargetSettings,
    { timeout, body }: Pick<BenchSettings, 'timeout' | 'body'>,
  ): Promise<Target> {
    const client = new ChatClient({ url, timeout, body, ...(apiKey === undefined ? {} : { apiKey }) });
    try {
      const models = model === undefined || secondModel === undefined ? await client.models() : [];
      const first = model ?? models[0];
      if (first === undefined) throw new HeddleError('bench_failed', `${client.url} has no models.`);
      return new Target(client, first, secondModel ?? models.find((id) => id !== first));
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /**
   * Finds out what the server understands, and how many tokens a word takes; the model is loaded then.
   * @param seed of the texts, so that no earlier run has put them into a cache
   * @throws HeddleError `server_unreachable` or `bench_failed` when it does not answer
   */
  async calibrate(seed: string): Promise<Calibration> {
    const writer = new PromptWriter(`${seed}/calibration`, assumedCalibration);
    const few = await this.#negotiate(writer.words('few', fewWords));
    const many = await this.#ask(writer.words('many', manyWords));
    if (few.promptTokens === undefined || many.promptTokens === undefined) return assumedCalibration;
    const tokensPerWord = (many.promptTokens - few.promptTokens) / (manyWords - fewWords);
    if (!(tokensPerWord > 0)) return assumedCalibration;
    const templateTokens = Math.max(0, Math.round(few.promptTokens - fewWords * tokensPerWord));
    return { tokensPerWord, templateTokens, measured: true };
  }

  /** A short request that is not counted. @throws HeddleError as {@link calibrate} */
  async warmUp(text: string, model: string = this.model): Promise<void> {
    refuse(await this.#ask(text, model), this.client.url);
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
      if (!/^http 4(00|22)/.test(result.failure?.kind ?? '')) {
        refuse(result, this.client.url);
        return result;
      }
      first ??= result;
    }
    refuse(first, this.client.url);
    throw new HeddleError('bench_failed', `${this.client.url} refuses every form of a request.`);
  }

  async #ask(text: string, model: string = this.model): Promise<StreamResult> {
    return this.client.stream({ model, messages: [user(text)], maxTokens: 4 }).finished;
  }
}

/** An answer without text will do here: a model may end at once. */
function refuse(result: StreamResult | undefined, url: string): void {
  const failure = result?.failure;
  if (failure === undefined || failure.kind === 'empty') return;
  if (failure.kind === 'connect')
    throw new HeddleError('server_unreachable', `No server answers at ${url}: ${failure.message}`);
  throw new HeddleError(
    'bench_failed',
    `${url} does not answer as it should: ${failure.message} (${failure.kind})`,
  );
}
