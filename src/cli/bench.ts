import { open, writeFile } from 'node:fs/promises';
import { HeddleError } from '../core/errors.js';
import { runBench } from '../bench/bench.js';
import { ProgressBar } from '../bench/progress-bar.js';
import { reportJson } from '../bench/report-json.js';
import { reportText } from '../bench/report-text.js';
import { troubles, type BenchReport } from '../bench/report.js';
import { toBenchSettings, type BenchOptions } from './bench-options.js';
import { askForRestart, runRestart } from './bench-restart.js';

/** What shells tell of a program that Ctrl-C has ended. */
const interruptedStatus = 130;

/**
 * `heddle bench`. Ends with 0 when all requests succeeded, with 1 when some failed or rounds could not be run, and with 130
 * when it was interrupted; what was measured is printed in each case.
 */
export async function bench(options: BenchOptions): Promise<void> {
  const { restartCommand, json } = options;
  const settings = toBenchSettings(options);
  if (json !== undefined) await checkWritable(json);
  const bar = new ProgressBar(process.stderr);
  const interruption = new AbortController();
  const { signal } = interruption;
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt); // once: a second one ends the process as ever
  const restart =
    restartCommand === undefined
      ? async (url: string) => {
          bar.clear();
          await askForRestart(url, interruption);
        }
      : async (url: string) => runRestart(restartCommand, url, { timeout: settings.timeout, signal });
  const canRestart = restartCommand !== undefined || process.stdin.isTTY;
  const hooks = { observer: bar, signal, ...(canRestart ? { restart } : {}) };
  const report = await runBench(settings, hooks)
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return undefined;
    })
    .finally(() => {
      bar.clear();
      process.off('SIGINT', interrupt);
    });
  if (signal.aborted) process.exitCode = interruptedStatus;
  if (report === undefined) {
    process.stderr.write('heddle: Interrupted before anything was measured.\n');
    return;
  }
  process.stdout.write(reportText(report));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(reportJson(report), null, 1)}\n`);
  if (!signal.aborted) tellTroubles(report);
}

/** @throws HeddleError `bench_failed` when something went wrong */
function tellTroubles(report: BenchReport): void {
  const { failed, requests, problems } = troubles(report);
  const parts = [
    ...(failed > 0 ? [`${failed} of ${requests} requests failed`] : []),
    ...(problems > 0 ? [`${problems} rounds could not be run to their end`] : []),
  ];
  if (parts.length > 0) throw new HeddleError('bench_failed', `${parts.join(', and ')}; see above.`);
}

/** Finds out before the benchmark, not after it. */
async function checkWritable(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (error) {
    const { message } = error as Error;
    throw new HeddleError('invalid_parameter', `The figures can not be written: ${message}`, {
      param: 'json',
      cause: error,
    });
  }
}
