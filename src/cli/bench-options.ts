import { InvalidArgumentError, Option, type Command } from 'commander';
import { workloads } from '../bench/all-workloads.js';
import { defaultBench, defaultScale, type BenchSettings } from '../bench/settings.js';
import { count, decimal } from './options.js';

/** Options of `heddle bench`. Sizes of texts are in tokens, targets in ms, the timeout in seconds. */
export interface BenchOptions {
  readonly url: string;
  readonly compare?: string;
  readonly model?: string;
  readonly compareModel?: string;
  readonly secondModel?: string;
  readonly compareSecondModel?: string;
  readonly apiKey?: string;
  readonly compareApiKey?: string;
  readonly workload: readonly string[];
  readonly rounds: number;
  readonly warmUp: number;
  readonly seed?: string;
  readonly concurrency: number;
  readonly requests: number;
  readonly sessions: number;
  readonly turns: number;
  readonly promptTokens: number;
  readonly systemTokens: number;
  readonly longTokens: number;
  readonly outputTokens: number;
  readonly streamTokens: number;
  readonly kvTokens: number;
  readonly ttftTarget: number;
  readonly itlTarget: number;
  readonly timeout: number;
  readonly restartCommand?: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly json?: string;
}

export function addBenchOptions(command: Command): Command {
  const names = workloads.map(({ name }) => name);
  const longest = Math.max(...names.map((name) => name.length));
  const described = workloads.map(({ name, description }) => `  ${name.padEnd(longest)}  ${description}\n`);
  return command
    .addHelpText(
      'after',
      `
Workloads:
${described.join('')}
Prompts are made of common words, new ones in every run and round; answers are greedy. What the figures
mean, and how to compare servers with them: docs/benchmarking.md.

Ends with 0 when every request succeeded, with 1 when one failed, and with 130 after Ctrl-C, which prints
what was measured until then.

Examples:
  heddle bench
  heddle bench --url http://127.0.0.1:8000 --compare http://127.0.0.1:8080 --workload steady agent intruder
  heddle bench --workload restart --restart-command ./restart.sh --json figures.json`,
    )
    .optionsGroup('Servers:')
    .option('--url <url>', 'the server, with or without /v1', 'http://127.0.0.1:8000')
    .option('--compare <url>', 'a second server, measured in turn with the first')
    .option('--model <id>', "model; the server's first one when absent")
    .option('--compare-model <id>', 'model of the second server')
    .option('--second-model <id>', "duo's other model; the server's next one when absent")
    .option('--compare-second-model <id>', "duo's other model on the second server")
    .addOption(
      new Option('--api-key <key>', 'key that the server asks for; HEDDLE_API_KEY when absent').env(
        'HEDDLE_BENCH_API_KEY',
      ),
    )
    .addOption(
      new Option('--compare-api-key <key>', 'key that the second server asks for').env(
        'HEDDLE_BENCH_COMPARE_API_KEY',
      ),
    )
    .option('--body <json>', 'further fields of every request, as a JSON object', jsonObject, {})
    .option(
      '--timeout <seconds>',
      'a request that takes longer has failed; at most so long for a restart',
      decimal(0.001, 86_400),
      defaultBench.timeout / 1000,
    )
    .option(
      '--restart-command <command>',
      'for restart: restarts the server at $HEDDLE_BENCH_URL, and ends when the old one has gone; you are asked to do it when absent',
    )
    .optionsGroup('What is run:')
    .addOption(
      new Option('--workload <name...>', 'one or more of the workloads below')
        .choices(names)
        .default([...defaultBench.workloads]),
    )
    .option(
      '--rounds <count>',
      'times each workload runs on each server',
      count(1, 1000),
      defaultBench.rounds,
    )
    .option('--warm-up <count>', 'requests before each workload, not counted', count(0), defaultBench.warmUp)
    .option('--seed <text>', 'the same seed makes the same prompts; a new one when absent')
    .optionsGroup('Sizes, texts in tokens:')
    .option('--concurrency <count>', 'requests at once', count(1, 10_000), defaultScale.concurrency)
    .option('--requests <count>', 'requests a round: steady, cancel, duo', count(1), defaultScale.requests)
    .option('--sessions <count>', 'sessions: agent, overcommit', count(1, 10_000), defaultScale.sessions)
    .option('--turns <count>', 'turns of a session: agent', count(1), defaultScale.turns)
    .option('--prompt-tokens <count>', "a user's message", count(1), defaultScale.promptTokens)
    .option('--system-tokens <count>', 'the system prompt: agent', count(1), defaultScale.systemTokens)
    .option(
      '--long-tokens <count>',
      'a long prompt: intruder, fan-out, restart, cancel',
      count(1),
      defaultScale.longTokens,
    )
    .option('--output-tokens <count>', 'an answer', count(1), defaultScale.outputTokens)
    .option(
      '--stream-tokens <count>',
      'an answer beside the long prompt: intruder',
      count(1),
      defaultScale.streamTokens,
    )
    .option('--kv-tokens <count>', "the server's KV cache: overcommit", count(1), defaultScale.kvTokens)
    .optionsGroup('What is told:')
    .option(
      '--ttft-target <ms>',
      'a good answer begins within this time',
      decimal(0, 1e9),
      defaultBench.goodput.firstToken,
    )
    .option(
      '--itl-target <ms>',
      "99 % of a good answer's gaps are at most this long",
      decimal(0, 1e9),
      defaultBench.goodput.gap,
    )
    .option('--json <file>', 'also write all figures, and the times of every request')
    .optionsGroup('Options:');
}

export function toBenchSettings(
  options: BenchOptions,
  environment: NodeJS.ProcessEnv = process.env,
): BenchSettings {
  const { seed, workload, rounds, warmUp, timeout, body } = options;
  const given = (fields: object): object =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const { model, secondModel, compare } = options;
  const { HEDDLE_API_KEY: ownKey = '' } = environment;
  const apiKey = options.apiKey ?? (ownKey === '' ? undefined : ownKey);
  const first = { url: options.url, ...given({ model, secondModel, apiKey }) };
  const second = {
    model: options.compareModel,
    secondModel: options.compareSecondModel,
    apiKey: options.compareApiKey,
  };
  const { concurrency, requests, sessions, turns, promptTokens, systemTokens } = options;
  const { longTokens, outputTokens, streamTokens, kvTokens } = options;
  return {
    targets: compare === undefined ? [first] : [first, { url: compare, ...given(second) }],
    workloads: [...new Set(workload)],
    rounds,
    warmUp,
    // New texts in every run, else the server's cache would know them from the last one.
    seed: seed ?? Date.now().toString(36),
    scale: {
      concurrency,
      requests,
      sessions,
      turns,
      promptTokens,
      systemTokens,
      longTokens,
      outputTokens,
      streamTokens,
      kvTokens,
    },
    goodput: { firstToken: options.ttftTarget, gap: options.itlTarget },
    timeout: timeout * 1000,
    body,
  };
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // The same answer as for JSON that is no object.
  }
  throw new InvalidArgumentError('It must be a JSON object.');
}
