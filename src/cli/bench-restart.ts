import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { HeddleError } from '../core/errors.js';

/**
 * Runs the command that restarts a server; `HEDDLE_BENCH_URL` tells it which. What it leaves running in the background
 * keeps nobody waiting: it has no output of ours.
 *
 * @param limits the timeout is in ms
 * @throws HeddleError `bench_failed` when it fails, takes too long, or the signal ends it
 */
export async function runRestart(
  command: string,
  url: string,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<void> {
  const env = { ...process.env, HEDDLE_BENCH_URL: url };
  // A group of its own: Ctrl-C is for us, and must not end the server that the command starts.
  const child = spawn(command, { shell: true, stdio: 'ignore', env, timeout, signal, detached: true });
  const ended = await once(child, 'exit').catch((error: unknown) => {
    throw new HeddleError('bench_failed', `The restart command can not be run: ${command}`, { cause: error });
  });
  const [status, killedBy] = ended as [number | null, string | null];
  if (status !== 0)
    throw new HeddleError(
      'bench_failed',
      `The restart command ended with ${status ?? killedBy ?? 'nothing'}: ${command}`,
    );
}

/** Asks the person at the terminal; Ctrl-C there interrupts, as elsewhere. */
export async function askForRestart(url: string, interruption: AbortController): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.once('SIGINT', () => interruption.abort());
  try {
    await terminal.question(`Restart the server at ${url}, then press Enter. `, {
      signal: interruption.signal,
    });
  } catch (error) {
    throw new HeddleError('bench_failed', 'Nobody said that the server was restarted.', { cause: error });
  } finally {
    terminal.close();
  }
}
