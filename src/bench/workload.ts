import type { ChatMessage } from './chat-client.js';
import type { ChatStream, StreamResult } from './chat-stream.js';
import type { PromptWriter } from './prompt-writer.js';
import type { Scale } from './settings.js';

/** A request of a workload. */
export interface WorkloadRequest {
  /** Which figures it belongs to, such as `turn 2`. */
  readonly group: string;
  readonly messages: readonly ChatMessage[];
  readonly maxTokens: number;
  /** `second` for the other model of two. */
  readonly model?: 'first' | 'second';
  /** Leading tokens of its prompt that the server has certainly computed before; absent where nobody can say. */
  readonly seenTokens?: number;
}

/** A request that has ended. */
export interface RequestRecord extends StreamResult {
  readonly group: string;
  /** Counts from 0. */
  readonly round: number;
  readonly seenTokens?: number;
}

export interface RunningRequest {
  readonly stream: ChatStream;
  readonly record: Promise<RequestRecord>;
}

/** A figure that only this workload has. */
export interface Finding {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** One round of a workload on one server: all that a workload may do. */
export interface Round {
  readonly scale: Scale;
  /** Texts of this round: the same for every server, others in every round. */
  readonly prompts: PromptWriter;
  /** Sends a request now. */
  readonly start: (request: WorkloadRequest) => RunningRequest;
  /** Tells a figure. */
  readonly find: (finding: Finding) => void;
  /** Resolves after this many milliseconds, at once when the benchmark is interrupted. */
  readonly pause: (duration: number) => Promise<void>;
  /**
   * Resolves when the server was restarted and has loaded its model.
   * @throws HeddleError `server_unreachable` or `bench_failed`
   */
  readonly restart: () => Promise<void>;
}

/**
 * A kind of load. It makes no measurements of its own but by what it sends and finds. When the benchmark is interrupted
 * all its requests are given up at once, those that it still starts included, so that it comes to its end.
 */
export interface Workload {
  readonly name: string;
  /** For the table and the help. */
  readonly description: string;
  /** What its figures do not tell, for the report. */
  readonly notMeasured: readonly string[];
  readonly needsSecondModel?: boolean;
  readonly needsRestart?: boolean;
  /** Requests of a round, about: for the progress bar. */
  requests(scale: Scale): number;
  run(round: Round): Promise<void>;
}

export const user = (content: string): ChatMessage => ({ role: 'user', content });

/** Runs these one after the other, this many at once; the next one begins when one ends. */
export async function atOnce(concurrency: number, jobs: readonly (() => Promise<unknown>)[]): Promise<void> {
  const queue = jobs.values();
  const worker = async (): Promise<void> => {
    for (const job of queue) await job();
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, jobs.length) }, worker));
}

/** The server tells of at least one of these how much of its prompt was cached. */
export function tellsCached(results: readonly StreamResult[]): boolean {
  return results.some(({ cachedTokens }) => cachedTokens !== undefined);
}

/** Milliseconds to the first piece of text; undefined when there was none. */
export function firstTokenTime({ sentAt, arrivals }: StreamResult): number | undefined {
  return arrivals[0] === undefined ? undefined : arrivals[0] - sentAt;
}

/** Milliseconds between one piece of text and the next, with the time at which each gap ended. */
export function gapsOf({ arrivals }: StreamResult): { readonly end: number; readonly gap: number }[] {
  return arrivals.slice(1).map((end, index) => ({ end, gap: end - (arrivals[index] ?? end) }));
}
