import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ApiKeySettings } from '../config/access-settings.js';
import type { KeySource } from '../config/key-source.js';
import { type Isolation, type LogLevel, type SettingOverrides } from '../config/settings.js';
import { readInterTokenTarget } from '../config/inter-token-target.js';
import { defaultCacheDirectoryBytes } from '../core/prompt-cache.js';
import type { Speculation } from '../core/speculation.js';
import { defaultModelSettings } from '../pool/pool-settings.js';

/** Options that say which models there are and how they are loaded. What was not given is absent. */
export interface ModelOptions {
  /** Path of a configuration file; `''` is none. */
  readonly config?: string;
  readonly modelDir?: string[];
  readonly ctx?: number;
  readonly parallel?: number;
  readonly threads?: number;
  /** GiB. */
  readonly memory?: number;
  readonly cacheDir?: string;
  /** GiB. */
  readonly cacheSize?: number;
}

/** Options of `heddle serve`. */
export interface ServeOptions extends ModelOptions {
  readonly host?: string;
  readonly port?: number;
  readonly isolation?: Isolation;
  /** Seconds. */
  readonly grace?: number;
  readonly logLevel?: LogLevel;
  /** Milliseconds; 0 for none. */
  readonly interTokenTarget?: number;
  readonly speculation?: Speculation;
  readonly apiKeyFile?: string;
  readonly insecureNoKey?: boolean;
}

export function addModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        'configuration file; options go before it, and a server reads it again at SIGHUP',
      ).env('HEDDLE_CONFIG'),
    )
    .addOption(
      new Option('--model-dir <dir>', 'folder with GGUF files, searched with its subfolders; can be repeated')
        .argParser(collectDirectory)
        .env('HEDDLE_MODEL_DIR'),
    )
    .option(
      '--ctx <tokens>',
      "KV cache of each model, in tokens; 0, the default, is the model's own, at most 8192",
      contextSize,
    )
    .option(
      '--parallel <count>',
      `sequences a model works on at once (default: ${defaultModelSettings.slots})`,
      count(1, 256),
    )
    .option(
      '--threads <count>',
      "compute threads over all models; the machine's cores when absent",
      count(1, 512),
    )
    .option(
      '--memory <GiB>',
      "memory for all models; 80 % of the machine's, or of the container's, when absent",
      decimal(0.001, 1e6),
    );
}

/** Options of commands that compute. */
export function addCacheOptions(command: Command): Command {
  return command
    .option(
      '--cache-dir <dir>',
      'folder where computed prompts are kept on disk, which tell what was in them; none when absent',
      cacheDirectory,
    )
    .option(
      '--cache-size <GiB>',
      `what that folder may take (default: ${defaultCacheDirectoryBytes / 2 ** 30})`,
      decimal(0.001, 1e6),
    );
}

/** Path of the configuration file; undefined when there is none. */
export function configFile({ config }: ModelOptions): string | undefined {
  return config === '' ? undefined : config;
}

/** The options as settings; they go before those of a configuration file, and their API keys stand beside its own. */
export function toOverrides(options: ServeOptions): SettingOverrides {
  const { modelDir, ctx, parallel, interTokenTarget, speculation, memory, grace } = options;
  const { host, port, isolation, logLevel, threads, cacheDir, cacheSize } = options;
  return {
    host,
    port,
    isolation,
    logLevel,
    threads,
    modelDirectories: modelDir?.map((directory) => resolve(directory)),
    contextSize: ctx,
    slots: parallel,
    interTokenTarget,
    speculation,
    memoryCeiling: toBytes(memory),
    cacheDirectory: cacheDir,
    cacheBytes: toBytes(cacheSize),
    grace: grace === undefined ? undefined : grace * 1000,
    insecureNoKey: options.insecureNoKey,
    ...keysBesideFile(options, process.env),
  };
}

/** Keys that are named by the environment and the command line; what they are is read with the others. */
function keysBesideFile(
  { apiKeyFile }: ServeOptions,
  environment: NodeJS.ProcessEnv,
): Pick<SettingOverrides, 'apiKeys' | 'adminKey'> {
  const has = (variable: string): boolean => (environment[variable] ?? '') !== '';
  const entry = (name: string, source: KeySource): ApiKeySettings => ({ name, source, limits: {} });
  const variable = 'HEDDLE_API_KEY';
  return {
    apiKeys: [
      ...(has(variable) ? [entry(variable, { kind: 'environment', variable })] : []),
      ...(apiKeyFile === undefined
        ? []
        : [entry('--api-key-file', { kind: 'file', path: resolve(apiKeyFile) })]),
    ],
    adminKey: has('HEDDLE_ADMIN_KEY') ? { kind: 'environment', variable: 'HEDDLE_ADMIN_KEY' } : undefined,
  };
}

function toBytes(gibibytes: number | undefined): number | undefined {
  return gibibytes === undefined ? undefined : Math.round(gibibytes * 2 ** 30);
}

function cacheDirectory(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be a folder.');
  const found = statSync(text, { throwIfNoEntry: false });
  if (found?.isDirectory() !== false) return resolve(text); // it is made when it is needed
  throw new InvalidArgumentError('It is no folder.');
}

/** The library rounds a KV cache up to 256 cells anyway. */
function contextSize(text: string): number {
  const tokens = count(0)(text);
  if (tokens === 0 || tokens >= 256) return tokens;
  throw new InvalidArgumentError("It must be 0, for the model's own, or at least 256.");
}

/** Parser of `150ms`, or `none`. */
export function targetTime(text: string): number {
  const reading = readInterTokenTarget(text);
  if ('value' in reading) return reading.value;
  throw new InvalidArgumentError(`It ${reading.problem}.`);
}

/** Parser of a whole number in a range. */
export function count(least: number, most = 2 ** 31 - 1): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Parser of a number in a range. */
export function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

function collectDirectory(directory: string, before: string[] = []): string[] {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return [...before, directory];
  throw new InvalidArgumentError('There is no such folder.');
}
