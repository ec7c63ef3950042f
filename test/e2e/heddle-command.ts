import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** What a command left. */
export interface CommandResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A heddle command in a process of its own; what it says and how it ends is told at its end. */
export class HeddleCommand {
  readonly ended: Promise<CommandResult>;
  readonly #child: ChildProcess;

  constructor(...args: string[]) {
    const main = join(process.cwd(), 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
    this.#child = child;
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** Runs heddle to its end; failures are results here. */
export async function heddle(...args: string[]): Promise<CommandResult> {
  return new HeddleCommand(...args).ended;
}
