import type { PromptCacheReport } from '../core/prompt-cache.js';
import type { Engine, EngineReport } from '../engine/engine.js';
import type { ManagedModel } from './managed-model.js';
import { withDeadline } from '../core/waiting.js';

/** What an engine said of itself, and when. */
export interface TimedReport<Report = EngineReport> {
  readonly engine: Engine;
  readonly report: Report;
  /** Milliseconds since it arrived. */
  readonly age: number;
}

interface Asked<Report> {
  /** Resolves, never rejects, when the question that is open was answered. */
  answer: Promise<void> | undefined;
  last: { readonly report: Report; readonly at: number } | undefined;
}

/**
 * How engines are doing, for those who may not wait for them: an engine answers between two steps, and one that hangs
 * never. After the deadline the engine's last report is given, with its age. An engine is asked again only when it has
 * answered, so that questions do not pile up before one that hangs; an answer that comes late is there for the next who
 * asks.
 */
class Reports<Report> {
  readonly #question: (engine: Engine) => Promise<Report>;
  readonly #deadline: number;
  readonly #asked = new WeakMap<Engine, Asked<Report>>();

  constructor(question: (engine: Engine) => Promise<Report>, deadline: number) {
    this.#question = question;
    this.#deadline = deadline;
  }

  /**
   * The reports of all engines that serve, asked at once, by model id. An engine that never answered, or that is lost, has
   * none. Resolves after the deadline at the latest, and never rejects.
   */
  async of(models: readonly ManagedModel[]): Promise<ReadonlyMap<string, TimedReport<Report>>> {
    const serving = models.flatMap(({ file, state, engine }) =>
      engine !== undefined && (state.kind === 'ready' || state.kind === 'draining')
        ? [{ id: file.id, engine }]
        : [],
    );
    await Promise.all(serving.map(async ({ engine }) => withDeadline(this.#ask(engine), this.#deadline)));
    const now = performance.now();
    const reports = new Map<string, TimedReport<Report>>();
    for (const { id, engine } of serving) {
      const last = this.#asked.get(engine)?.last;
      if (last !== undefined && engine.alive)
        reports.set(id, { engine, report: last.report, age: now - last.at });
    }
    return reports;
  }

  async #ask(engine: Engine): Promise<void> {
    let asked = this.#asked.get(engine);
    if (asked === undefined) {
      asked = { answer: undefined, last: undefined };
      this.#asked.set(engine, asked);
    }
    asked.answer ??= this.#inspect(engine, asked);
    return asked.answer;
  }

  async #inspect(engine: Engine, asked: Asked<Report>): Promise<void> {
    try {
      const report = await this.#question(engine);
      asked.last = { report, at: performance.now() };
    } catch {
      asked.last = undefined; // it is lost or closing, and has nothing more to report
    } finally {
      asked.answer = undefined;
    }
  }
}

/** What engines say of their requests, cells and steps. */
export class EngineReports extends Reports<EngineReport> {
  /** @param deadline how long to wait for an engine, milliseconds */
  constructor(deadline = 500) {
    super(async (engine) => engine.inspect(), deadline);
  }
}

/** What engines say of the prompts that they keep. */
export class PromptCacheReports extends Reports<PromptCacheReport> {
  /** @param deadline how long to wait for an engine and its disk, milliseconds */
  constructor(deadline = 500) {
    super(async (engine) => engine.promptCache('stats'), deadline);
  }
}
