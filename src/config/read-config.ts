import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { HeddleError } from '../core/errors.js';
import { aliasProblems, isObject, type ValueProblem } from './alias-problems.js';
import { schemaProblems } from './problems.js';
import type { KeySource } from './key-source.js';
import { configSchema, type Config } from './schema.js';
import { YamlSource, type Path, type Place } from './yaml-source.js';

/** Something wrong with a configuration file, and where. */
export interface ConfigProblem extends Place {
  /** Such as `models.qwen.idle_timeout must be …`. */
  readonly message: string;
}

/** A file that was read. With problems, `config` is not complete; `source` tells where things stand. */
export interface ParsedConfig {
  readonly config: Config;
  readonly problems: readonly ConfigProblem[];
  readonly source: YamlSource;
}

/** Checks the text of a configuration file. @returns all problems at once, in the order of the file */
export function parseConfig(text: string): ParsedConfig {
  const source = new YamlSource(text);
  if (!source.readable) return { config: {}, problems: source.problems, source };
  const raw = withEmptySections(source.value);
  const result = configSchema.safeParse(raw);
  const found = [
    ...(result.success ? [] : schemaProblems(result.error, raw)),
    ...aliasProblems(isObject(raw) ? raw['models'] : undefined),
  ];
  const problems = inOrder([...source.problems, ...locate(found, source)]);
  return { config: result.data ?? {}, problems, source };
}

/**
 * Reads and checks a configuration file. Folders and files of keys are made absolute: `~` is the home folder, others are
 * relative to the file's own folder. Whether keys are there is found out when they are needed.
 * @throws HeddleError `config_invalid`, with all problems and their lines
 */
export async function readConfig(file: string): Promise<Config> {
  const { config, problems, source } = parseConfig(await readText(file));
  const base = dirname(resolve(file));
  const missing: ValueProblem[] = [];
  for (const [index, directory] of directoriesIn(source.value).entries()) {
    if (typeof directory !== 'string' || (await isDirectory(absolute(directory, base)))) continue;
    missing.push({ path: ['model_dirs', index], message: `there is no folder ${absolute(directory, base)}` });
  }
  const cache = cacheDirectoryIn(source.value);
  if (cache !== undefined && (await isOther(absolute(cache, base))))
    missing.push({ path: ['cache', 'directory'], message: `${absolute(cache, base)} is no folder` });
  const all = inOrder([...problems, ...locate(missing, source)]);
  if (all.length > 0) throw invalid(file, all);
  const { model_dirs: directories } = config;
  return {
    ...config,
    ...(directories === undefined
      ? {}
      : { model_dirs: directories.map((directory) => absolute(directory, base)) }),
    ...(cache === undefined ? {} : { cache: { ...config.cache, directory: absolute(cache, base) } }),
    ...withKeyFiles(config, base),
  };
}

function withKeyFiles({ admin_key: admin, api_keys: keys }: Config, base: string): Partial<Config> {
  const located = (source: KeySource): KeySource =>
    source.kind === 'file' ? { ...source, path: absolute(source.path, base) } : source;
  const entries = Object.entries(keys ?? {}).map(([name, entry]) => [
    name,
    { ...entry, key: located(entry.key) },
  ]);
  return {
    ...(admin === undefined ? {} : { admin_key: located(admin) }),
    ...(keys === undefined ? {} : { api_keys: Object.fromEntries(entries) as typeof keys }),
  };
}

function cacheDirectoryIn(raw: unknown): string | undefined {
  const cache = isObject(raw) ? raw['cache'] : undefined;
  const directory = isObject(cache) ? cache['directory'] : undefined;
  return typeof directory === 'string' && directory !== '' ? directory : undefined;
}

/** As they were written: what else is wrong with the file keeps nobody from hearing that a folder is not there. */
function directoriesIn(raw: unknown): readonly unknown[] {
  return isObject(raw) && Array.isArray(raw['model_dirs']) ? raw['model_dirs'] : [];
}

function invalid(file: string, problems: readonly ConfigProblem[]): HeddleError {
  const count = problems.length === 1 ? 'an error' : `${problems.length} errors`;
  const lines = problems.map(({ line, column, message }) => `  ${file}:${line}:${column}: ${message}`);
  return new HeddleError(
    'config_invalid',
    [`The configuration file ${file} has ${count}:`, ...lines].join('\n'),
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(error);
    throw new HeddleError('config_invalid', `The configuration file ${file} can not be read: ${reason}.`, {
      cause: error,
    });
  }
}

/** A section of which every line is commented out is null in YAML, and empty to its writer. */
function withEmptySections(value: unknown): unknown {
  if (value === null) return {};
  if (!isObject(value)) return value;
  const sections = ['api_keys', 'limits', 'cache', 'pool', 'defaults', 'models'].filter(
    (name) => value[name] === null,
  );
  const filled: Record<string, unknown> = {
    ...value,
    ...Object.fromEntries(sections.map((name) => [name, {}])),
    ...('defaults' in value ? { defaults: withRules(value['defaults'] ?? {}) } : {}),
    ...(isObject(value['api_keys']) ? { api_keys: withKeyEntries(value['api_keys']) } : {}),
  };
  const { models } = filled;
  if (!isObject(models)) return filled;
  const entries = Object.entries(models).map(([id, model]) => [id, withRules(model ?? {})] as const);
  return { ...filled, models: Object.fromEntries(entries) };
}

/** An entry that is no object is its key. */
function withKeyEntries(keys: Record<string, unknown>): object {
  return Object.fromEntries(
    Object.entries(keys).map(([name, entry]) => [name, isObject(entry) ? entry : { key: entry }]),
  );
}

/** As {@link withEmptySections}, for the section inside of `defaults` and of a model. */
function withRules(section: unknown): unknown {
  if (!isObject(section) || section['stable_prompts'] !== null) return section;
  return { ...section, stable_prompts: {} };
}

function locate(problems: readonly ValueProblem[], source: YamlSource): ConfigProblem[] {
  return problems.map(({ path, message, atKey = false }) => ({
    ...source.placeOf(path, atKey ? 'key' : 'value'),
    message: path.length === 0 ? `the file ${message}` : `${pathText(path)} ${message}`,
  }));
}

function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** `models.qwen3-8b.aliases[0]` */
function pathText(path: Path): string {
  const name = (part: string): string => (part === '' ? '""' : part);
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${name(part)}`))
    .join('');
}

function absolute(directory: string, base: string): string {
  const expanded = /^~(?=\/|\\|$)/.test(directory) ? join(homedir(), directory.slice(1)) : directory;
  return resolve(base, expanded);
}

/** Something is there that is no folder. */
async function isOther(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch {
    return false; // it is made when it is needed
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false; // it is not there, or can not be looked at
  }
}
