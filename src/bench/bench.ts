import { HeddleError } from '../core/errors.js';
import { workloads } from './all-workloads.js';
import { BenchRun, type BenchHooks } from './bench-run.js';
import type { Calibration } from './prompt-writer.js';
import type { BenchReport } from './report.js';
import type { BenchSettings } from './settings.js';
import { Target } from './target.js';
import type { Workload } from './workload.js';

/**
 * Measures one server, or two in turn: in every round each workload runs on one, then on the other, with the same
 * texts; the next round begins with the other one. An interrupted benchmark reports what was measured until then.
 *
 * @throws HeddleError `invalid_parameter` when a workload can not run with these settings, `server_unreachable` or
 * `bench_failed` when a server does not answer before the first workload, or the benchmark is interrupted by then.
 * Later failures are figures and problems.
 */
export async function runBench(settings: BenchSettings, hooks: BenchHooks): Promise<BenchReport> {
  const date = new Date().toISOString();
  const chosen = choose(settings, hooks);
  const needsSecond = chosen.some(({ needsSecondModel }) => needsSecondModel === true);
  const targets: Target[] = [];
  const close = (): void => targets.forEach(({ client }) => client.close());
  const { signal, observer } = hooks;
  signal?.addEventListener('abort', close);
  try {
    const calibrations: Calibration[] = [];
    for (const server of settings.targets) {
      observer.progress(0, `asking ${server.url}`);
      const target = await Target.open(server, settings, needsSecond);
      targets.push(target);
      if (signal?.aborted === true) close();
      calibrations.push(await target.calibrate());
    }
    const [calibration] = calibrations;
    if (calibration === undefined)
      throw new HeddleError('invalid_parameter', 'There is no server to measure.');
    const run = new BenchRun(settings, hooks, targets, calibration, chosen);
    const reports = await run.all();
    return {
      date,
      settings,
      interrupted: signal?.aborted === true,
      servers: targets.map(({ client, model, secondModel }, index) => ({
        url: client.url,
        model,
        ...(secondModel === undefined ? {} : { secondModel }),
        dialect: client.dialect,
        calibration: calibrations[index] ?? calibration,
      })),
      workloads: reports,
    };
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

function choose({ workloads: names }: BenchSettings, { restart }: BenchHooks): Workload[] {
  return names.map((name) => {
    const workload = workloads.find((candidate) => candidate.name === name);
    if (workload === undefined)
      throw new HeddleError('invalid_parameter', `There is no workload ${name}.`, { param: 'workload' });
    if (workload.needsRestart === true && restart === undefined)
      throw new HeddleError(
        'invalid_parameter',
        `${name} needs to know how the server is restarted: --restart-command, or a terminal to ask you at.`,
        { param: 'restart-command' },
      );
    return workload;
  });
}
