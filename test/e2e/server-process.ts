import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(process.cwd(), 'dist', 'cli', 'main.js');

/** `heddle serve` in a process of its own, on a free port, as a user would start it. */
export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #output: { text: string };

  private constructor(
    child: ChildProcess,
    url: string,
    output: { text: string },
    exit: Promise<number | null>,
  ) {
    this.#child = child;
    this.url = url;
    this.#output = output;
    this.#exit = exit;
  }

  static async start(...args: string[]): Promise<ServerProcess> {
    return ServerProcess.startIn([], ...args);
  }

  /** As {@link start}, in a Node with options of its own. */
  static async startIn(nodeOptions: readonly string[], ...args: string[]): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...nodeOptions, main, 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { text: '' };
    // It has ended, and its output is read to the end.
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const url = await new Promise<string>((resolve, reject) => {
      const read = (data: Buffer): void => {
        output.text += data.toString();
        const found = /is listening on (http:\S+)/.exec(output.text)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      void exit.then((status) => reject(new Error(`heddle serve ended with ${status}:\n${output.text}`)));
    });
    return new ServerProcess(child, url, output, exit);
  }

  /** The OS's process id. */
  get processId(): number {
    if (this.#child.pid === undefined) throw new Error('heddle serve was not started');
    return this.#child.pid;
  }

  /** Nobody reads what it prints any more. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** All that it printed. */
  get output(): string {
    return this.#output.text;
  }

  /** Resolves when it has printed this. */
  async printed(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      await Promise.race([
        this.#exit,
        ...[this.#child.stdout, this.#child.stderr].map(
          async (stream) => stream !== null && once(stream, 'data'),
        ),
      ]);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves with the exit code; null when a signal killed it. */
  async exited(): Promise<number | null> {
    return this.#exit;
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.#exit;
  }

  /** Waits until no request is pending in any engine, as /health tells. */
  async idle(): Promise<void> {
    for (;;) {
      const health = (await (await fetch(`${this.url}/health`)).json()) as { pending_requests: number };
      if (health.pending_requests === 0) return;
    }
  }
}
