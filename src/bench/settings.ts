/** A server to be measured. */
export interface TargetSettings {
  readonly url: string;
  /** The server's first model when absent. */
  readonly model?: string;
  /** For `duo`: the server's next model when absent. */
  readonly secondModel?: string;
  readonly apiKey?: string;
}

/** Sizes of workloads: requests in numbers, texts in prompt tokens, about. */
export interface Scale {
  /** Requests that are under way at once, where a workload does not say otherwise. */
  readonly concurrency: number;
  /** Requests of `steady` in a round. */
  readonly requests: number;
  readonly sessions: number;
  readonly turns: number;
  /** Of a user's message. */
  readonly promptTokens: number;
  /** Of the system prompt that sessions share. */
  readonly systemTokens: number;
  /** Of a long prompt. */
  readonly longTokens: number;
  readonly outputTokens: number;
  /** Of the streams that an intruder meets. */
  readonly streamTokens: number;
  /** The KV cache of the server's model, which `overcommit` asks three times of. */
  readonly kvTokens: number;
}

/** What a good answer is, in milliseconds. */
export interface Targets {
  /** Time to the first token at most. */
  readonly firstToken: number;
  /** 99th percentile of a request's own gaps between tokens at most. */
  readonly gap: number;
}

export interface BenchSettings {
  readonly targets: readonly TargetSettings[];
  /** Names of workloads, in the order in which they run. */
  readonly workloads: readonly string[];
  readonly rounds: number;
  /** Requests to each server before each workload, which are not counted. */
  readonly warmUp: number;
  readonly seed: string;
  readonly scale: Scale;
  readonly goodput: Targets;
  /** Milliseconds after which a request is a failure. */
  readonly timeout: number;
  /** Further fields of every request's body. */
  readonly body: Readonly<Record<string, unknown>>;
}

export const defaultScale: Scale = {
  concurrency: 4,
  requests: 16,
  sessions: 12,
  turns: 3,
  promptTokens: 256,
  systemTokens: 1024,
  longTokens: 4096,
  outputTokens: 64,
  streamTokens: 256,
  kvTokens: 8192,
};

/** Workload, rounds and the rest when nothing else is said. */
export const defaultBench = {
  workloads: ['steady'],
  rounds: 3,
  warmUp: 2,
  goodput: { firstToken: 2000, gap: 150 },
  timeout: 600_000,
} as const;
