import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { HeddleError } from '../core/errors.js';
import { runBench } from '../bench/bench.js';
import { ProgressBar } from '../bench/progress-bar.js';
import { reportJson, reportText } from '../bench/report.js';
import { toBenchSettings, type BenchOptions } from './bench-options.js';

/** `heddle bench` */
export async function bench(options: BenchOptions): Promise<void> {
  const bar = new ProgressBar(process.stderr);
  const { restartCommand, json } = options;
  const restart =
    restartCommand === undefined
      ? async (url: string) => askForRestart(url, bar)
      : async (url: string) => runRestart(restartCommand, url);
  const canRestart = restartCommand !== undefined || process.stdin.isTTY;
  try {
    const report = await runBench(toBenchSettings(options), {
      observer: bar,
      ...(canRestart ? { restart } : {}),
    });
    bar.clear();
    process.stdout.write(reportText(report));
    if (json !== undefined) await writeFile(json, `${JSON.stringify(reportJson(report), null, 1)}\n`);
  } finally {
    bar.clear();
  }
}

/** What the command leaves running in the background keeps nobody waiting: it has no output of ours. */
async function runRestart(command: string, url: string): Promise<void> {
  const env = { ...process.env, HEDDLE_BENCH_URL: url };
  const child = spawn(command, { shell: true, stdio: 'ignore', env });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0)
    throw new HeddleError(
      'bench_failed',
      `The restart command ended with ${status ?? 'a signal'}: ${command}`,
    );
}

async function askForRestart(url: string, bar: ProgressBar): Promise<void> {
  bar.clear();
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    await terminal.question(`Restart the server at ${url}, then press Enter. `);
  } finally {
    terminal.close();
  }
}
