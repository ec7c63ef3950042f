import { performance } from 'node:perf_hooks';
import { HeddleError } from '../core/errors.js';
import type { StreamResult } from './chat-stream.js';
import { compareGroups } from './comparison.js';
import { pause } from './pause.js';
import type { BenchObserver } from './progress-bar.js';
import { PromptWriter, type Calibration } from './prompt-writer.js';
import type { WorkloadReport } from './report.js';
import type { BenchSettings } from './settings.js';
import { summarize, summarizeFindings } from './summary.js';
import { refuse, type Target } from './target.js';
import type { Finding, RequestRecord, Round, RunningRequest, Workload, WorkloadRequest } from './workload.js';

export interface BenchHooks {
  readonly observer: BenchObserver;
  /** Resolves when the server at this URL was told to restart. Without it `restart` can not run. */
  readonly restart?: (url: string) => Promise<void>;
  /** Interrupts the benchmark: requests are given up, and what was measured is reported. */
  readonly signal?: AbortSignal;
}

/** What one server gave in one workload. */
interface Harvest {
  readonly records: RequestRecord[];
  readonly findings: Finding[];
  readonly problems: string[];
}

/** Milliseconds from one look to the next whether a server is back. */
const look = 200;

/** A benchmark whose servers have answered: runs the workloads. */
export class BenchRun {
  readonly #settings: BenchSettings;
  readonly #hooks: BenchHooks;
  readonly #targets: readonly Target[];
  readonly #calibration: Calibration;
  readonly #chosen: readonly Workload[];
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
    this.#chosen = chosen;
    const ofRound = chosen.reduce((sum, workload) => sum + workload.requests(settings.scale), 0);
    this.#expected = ofRound * settings.rounds * targets.length;
  }

  /** Runs every workload; those that an interruption leaves out are not in the answer. Never rejects for a server. */
  async all(): Promise<WorkloadReport[]> {
    const reports: WorkloadReport[] = [];
    for (const workload of this.#chosen) {
      if (!this.#interrupted) reports.push(await this.#workload(workload));
    }
    return reports;
  }

  get #interrupted(): boolean {
    return this.#hooks.signal?.aborted === true;
  }

  async #workload(workload: Workload): Promise<WorkloadReport> {
    const { rounds, goodput } = this.#settings;
    const harvests = this.#targets.map((): Harvest => ({ records: [], findings: [], problems: [] }));
    await this.#warmUp(workload);
    const before = performance.eventLoopUtilization();
    for (let round = 0; round < rounds; round++) {
      const order = [...this.#targets.entries()];
      if (round % 2 === 1) order.reverse();
      for (const [index, target] of order) {
        const harvest = harvests[index];
        if (harvest !== undefined && !this.#interrupted) await this.#round(workload, round, target, harvest);
      }
    }
    const groups = harvests.map(({ records }) => summarize(records, goodput));
    const [first = [], second] = groups;
    return {
      name: workload.name,
      description: workload.description,
      notMeasured: workload.notMeasured,
      clientBusy: performance.eventLoopUtilization(before).utilization,
      servers: harvests.map(({ records, findings, problems }, index) => ({
        groups: groups[index] ?? [],
        findings: summarizeFindings(findings),
        problems,
        requests: records,
      })),
      ...(second === undefined ? {} : { comparison: compareGroups(first, second) }),
    };
  }

  /** Whether these requests succeed is not asked: those of the workload tell. */
  async #warmUp({ name, needsSecondModel }: Workload): Promise<void> {
    for (const [index, target] of this.#targets.entries()) {
      const writer = this.#writer(`${this.#settings.seed}/${name}/warm-up ${index}`);
      for (let count = 0; count < this.#settings.warmUp; count++)
        await target.warmUp(writer.text(`${count}`, 16));
      if (needsSecondModel === true) await target.warmUp(writer.text('second', 16), target.secondModel);
    }
  }

  async #round(workload: Workload, number: number, target: Target, harvest: Harvest): Promise<void> {
    const { scale, seed, rounds } = this.#settings;
    const { observer, signal } = this.#hooks;
    const doing = `${workload.name}, round ${number + 1} of ${rounds}, ${target.client.url}`;
    observer.progress(this.#ended / this.#expected, doing);
    const round: Round = {
      scale,
      prompts: this.#writer(`${seed}/${workload.name}/${number}`),
      start: (request) => this.#start(request, number, target, harvest, doing),
      find: (finding) => {
        if (!this.#interrupted) harvest.findings.push(finding);
      },
      pause: async (duration) => pause(duration, signal),
      restart: async () => this.#restart(target, number),
    };
    try {
      await workload.run(round);
    } catch (error) {
      // What was measured is kept, and the other rounds may succeed.
      if (!(error instanceof HeddleError)) throw error;
      if (!this.#interrupted) harvest.problems.push(`round ${number + 1}: ${error.message}`);
    }
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
      // What we gave up because of an interruption is no measurement.
      if (this.#interrupted && result.cancelled) return ended;
      records.push(ended);
      this.#hooks.observer.progress(++this.#ended / this.#expected, doing);
      return ended;
    });
    return { stream, record };
  }

  /** The model is loaded again by a request that is not counted. A server that begins to listen may refuse it at first. */
  async #restart(target: Target, round: number): Promise<void> {
    const { client } = target;
    const { signal, restart } = this.#hooks;
    await restart?.(client.url);
    client.disconnect();
    const text = this.#writer(`${this.#settings.seed}/restart ${round}`).text('warm-up', 16);
    const deadline = performance.now() + this.#settings.timeout;
    let result: StreamResult = await target.warmUp(text);
    while (result.failure !== undefined && performance.now() < deadline) {
      await pause(look, signal);
      result = await target.warmUp(text);
    }
    refuse(result, client.url);
  }

  #writer(seed: string): PromptWriter {
    return new PromptWriter(seed, this.#calibration);
  }
}
