import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { defaultModelSettings, type PoolSettings } from '../pool/pool-settings.js';

/** Options that say which models there are and how they are loaded. */
export interface ModelOptions {
  readonly modelDir?: string[];
  readonly ctx: number;
  readonly parallel: number;
  readonly threads?: number;
  /** GiB. */
  readonly memory?: number;
}

/** The embedded model's folder: what is served when no folder is named. */
export const starterDirectory = fileURLToPath(new URL('../../models/starter', import.meta.url));

export function addModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--model-dir <dir>', 'folder with GGUF files, searched with its subfolders; can be repeated')
        .argParser(collectDirectory)
        .env('HEDDLE_MODEL_DIR'),
    )
    .option(
      '--ctx <tokens>',
      "KV cache of each model, in tokens; 0 is the model's own, at most 8192",
      contextSize,
      0,
    )
    .option('--parallel <count>', 'sequences a model works on at once', count(1, 256), 4)
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

export function modelDirectories({ modelDir }: ModelOptions): readonly string[] {
  return modelDir ?? [starterDirectory];
}

export function poolSettings({ ctx, parallel, threads, memory }: ModelOptions): PoolSettings {
  return {
    defaults: { ...defaultModelSettings, contextSize: ctx, slots: parallel },
    ...(threads === undefined ? {} : { threads }),
    ...(memory === undefined ? {} : { memoryCeiling: memory * 2 ** 30 }),
  };
}

/** The library rounds a KV cache up to 256 cells anyway. */
function contextSize(text: string): number {
  const tokens = count(0)(text);
  if (tokens === 0 || tokens >= 256) return tokens;
  throw new InvalidArgumentError("It must be 0, for the model's own, or at least 256.");
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
