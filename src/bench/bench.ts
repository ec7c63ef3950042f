import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeddleError } from '../core/errors.js';
import { workloads } from './all-workloads.js';
import { compareGroups } from './comparison.js';
import type { BenchObserver } from './progress-bar.js';
import { PromptWriter, type Calibration } from './prompt-writer.js';
import type { BenchReport, WorkloadReport } from './report.js';
import type { BenchSettings } from './settings.js';
import { summarize, summarizeFindings } from './summary.js';
import { Target } from './target.js';
import type { Finding, RequestRecord, Round, RunningRequest, Workload, WorkloadRequest } from './workload.js';

export interface BenchHooks {
  readonly observer: BenchObserver;
  /** Resolves when the server at this URL was told to restart. Without it `restart` can not run. */
  readonly restart?: (url: string) => Promise<void>;
}

/** What one server gave in one workload. */
interface Harvest {
  readonly records: RequestRecord[];
  readonly findings: Finding[];
}

/** Milliseconds from one look to the next whether a server is back. */
const look = 200;

/**
 * Measures one server, or two in turn: in every round each workload runs on one, then on the other, with the same
 * texts; the next round begins with the other one.
 *
 * @throws HeddleError `invalid_parameter` when a workload can not run with these settings, `server_unreachable` or
 * `bench_failed` when a server does not answer before the first workload. Later failures are figures.
 */
export async function runBench(settings: BenchSettings, hooks: BenchHooks): Promise<BenchReport> {
  const date = new Date().toISOString();
  const chosen = choose(settings, hooks);
  const targets: Target[] = [];
  try {
    for (const target of settings.targets) targets.push(await Target.open(target, settings));
    check(chosen, targets);
    const calibrations: Calibration[] = [];
    for (const target of targets) calibrations.push(await target.calibrate(settings.seed));
    const [calibration] = calibrations;
    if (calibration === undefined)
      throw new HeddleError('invalid_parameter', 'There is no server to measure.');
    const run = new Run(settings, hooks, targets, calibration, chosen);
    const reports: WorkloadReport[] = [];
    for (const workload of chosen) reports.push(await run.workload(workload));
    return {
      date,
      settings,
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
    for (const { client } of targets) client.close();
  }
}

/** A benchmark that is under way. */
class Run {
  readonly #settings: BenchSettings;
  readonly #hooks: BenchHooks;
  readonly #targets: readonly Target[];
  readonly #calibration: Calibration;
  readonly #expected: number;
  #ended = 0;

  constructor(
    settings: BenchSettings,
    hooks: BenchHooks,
    targets: readonly Target[],
    calibration: Calibration,
    chosen: readonly Workload[],
  ) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#targets = targets;
    this.#calibration = calibration;
    const ofRound = chosen.reduce((sum, workload) => sum + workload.requests(settings.scale), 0);
    this.#expected = ofRound * settings.rounds * targets.length;
  }

  async workload(workload: Workload): Promise<WorkloadReport> {
    const { seed, warmUp, rounds, goodput } = this.#settings;
    const harvests = this.#targets.map((): Harvest => ({ records: [], findings: [] }));
    for (const [index, target] of this.#targets.entries()) {
      const writer = this.#writer(`${seed}/${workload.name}/warm-up ${index}`);
      for (let count = 0; count < warmUp; count++) await target.warmUp(writer.text(`${count}`, 16));
      if (workload.needsSecondModel === true)
        await target.warmUp(writer.text('second', 16), target.secondModel);
    }
    const before = performance.eventLoopUtilization();
    for (let round = 0; round < rounds; round++) {
      const order = [...this.#targets.entries()];
      if (round % 2 === 1) order.reverse();
      for (const [index, target] of order) {
        const harvest = harvests[index];
        if (harvest === undefined) continue;
        const doing = `${workload.name}, round ${round + 1} of ${rounds}, ${target.client.url}`;
        this.#hooks.observer.progress(this.#ended / this.#expected, doing);
        await workload.run(this.#round(workload, round, target, harvest, doing));
      }
    }
    const groups = harvests.map(({ records }) => summarize(records, goodput));
    const [first = [], second] = groups;
    return {
      name: workload.name,
      description: workload.description,
      notMeasured: workload.notMeasured,
      clientBusy: performance.eventLoopUtilization(before).utilization,
      servers: harvests.map(({ records, findings }, index) => ({
        groups: groups[index] ?? [],
        findings: summarizeFindings(findings),
        requests: records,
      })),
      ...(second === undefined ? {} : { comparison: compareGroups(first, second) }),
    };
  }

  #round(workload: Workload, round: number, target: Target, harvest: Harvest, doing: string): Round {
    return {
      scale: this.#settings.scale,
      prompts: this.#writer(`${this.#settings.seed}/${workload.name}/${round}`),
      start: (request) => this.#start(request, round, target, harvest, doing),
      find: (finding) => harvest.findings.push(finding),
      restart: async () => this.#restart(target, round),
    };
  }

  #start(
    { group, messages, maxTokens, model = 'first', seenTokens }: WorkloadRequest,
    round: number,
    target: Target,
    { records }: Harvest,
    doing: string,
  ): RunningRequest {
    const id = model === 'first' ? target.model : (target.secondModel ?? target.model);
    const stream = target.client.stream({ model: id, messages, maxTokens });
    const record = stream.finished.then((result): RequestRecord => {
      const ended = { ...result, group, round, ...(seenTokens === undefined ? {} : { seenTokens }) };
      records.push(ended);
      this.#hooks.observer.progress(++this.#ended / this.#expected, doing);
      return ended;
    });
    return { stream, record };
  }

  /** The model is loaded again by a request that is not counted. */
  async #restart(target: Target, round: number): Promise<void> {
    const { client } = target;
    await this.#hooks.restart?.(client.url);
    client.disconnect();
    const deadline = performance.now() + this.#settings.timeout;
    for (;;) {
      try {
        await client.models();
        break;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(look);
      }
    }
    await target.warmUp(this.#writer(`${this.#settings.seed}/restart ${round}`).text('warm-up', 16));
  }

  #writer(seed: string): PromptWriter {
    return new PromptWriter(seed, this.#calibration);
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

function check(chosen: readonly Workload[], targets: readonly Target[]): void {
  const duo = chosen.find(({ needsSecondModel }) => needsSecondModel === true);
  const lacking = targets.find(({ secondModel }) => secondModel === undefined);
  if (duo !== undefined && lacking !== undefined)
    throw new HeddleError(
      'invalid_parameter',
      `${duo.name} needs two models; ${lacking.client.url} has one.`,
      {
        param: 'second-model',
      },
    );
}
