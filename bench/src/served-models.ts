import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** `heddle serve` as a user starts it, on a free port of the loopback interface. */
export class ServedModels {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #exit: Promise<number | null>;

  private constructor(child: ChildProcess, url: string, exit: Promise<number | null>) {
    this.#child = child;
    this.#url = url;
    this.#exit = exit;
  }

  static async start(...options: string[]): Promise<ServedModels> {
    const child = spawn(process.execPath, [main, 'serve', '--port', '0', ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const url = await new Promise<string>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString();
        const found = /is listening on (http:\S+)/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
      void exit.then((status) => reject(new Error(`heddle serve ended with ${status}:\n${output}`)));
    });
    return new ServedModels(child, url, exit);
  }

  /**
   * Streams one completion to its end.
   * @returns milliseconds to its first token
   * @throws Error when the stream failed, or did not bring all its tokens
   */
  async stream(request: { model: string; prompt: number[]; maxTokens: number }): Promise<number> {
    const { model, prompt, maxTokens } = request;
    const started = performance.now();
    const response = await fetch(`${this.#url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        prompt,
        max_tokens: maxTokens,
        ignore_eos: true,
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
    let first: number | undefined;
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      if (text.startsWith('data: ')) first ??= performance.now() - started;
    }
    const generated = Number(/"completion_tokens":(\d+)/.exec(text)?.[1]);
    if (first === undefined || generated !== maxTokens || !text.trimEnd().endsWith('data: [DONE]')) {
      throw new Error(`a stream of ${maxTokens} tokens ended with ${response.status}: ${text.slice(-500)}`);
    }
    return first;
  }

  /** The server's process and those of its engines. */
  async processes(): Promise<number[]> {
    const health: unknown = await (await fetch(`${this.#url}/health`)).json();
    const { models } = health as { models: { process_id: number | null }[] };
    return [this.#child.pid ?? process.pid, ...models.flatMap((model) => model.process_id ?? [])];
  }

  /** @throws Error when the server did not end well */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const status = await this.#exit;
    if (status !== 0) throw new Error(`heddle serve ended with ${status}`);
  }
}
