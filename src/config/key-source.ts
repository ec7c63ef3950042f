import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/**
 * Where a key comes from. A key that was written into the configuration file is turned into its digest at once, so that
 * nothing holds it.
 */
export type KeySource =
  | { readonly kind: 'digest'; readonly digest: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string };

/** A key as the server keeps it. */
export interface NamedDigest {
  /** Undefined where the source names none. */
  readonly name: string | undefined;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
}

/** What was read, or a sentence beginning with "must", "is" or "has". It never holds the value: it may be a key. */
export type KeyReading<T> = { readonly value: T } | { readonly problem: string };

/** A key of 16 random characters can not be guessed, and only such keys are safe behind a plain hash. */
const keyPattern = /^[\x21-\x7e]{16,512}$/;
const digestPattern = /^sha256:([0-9a-f]{64})$/i;
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * What a configuration file says of a key: the key itself, `sha256:` with its digest, `env:NAME`, or `file:PATH`, a file
 * with a key on each line.
 */
export function readKeySource(value: unknown): KeyReading<KeySource> {
  if (typeof value !== 'string') return { problem: 'must be text; write it in quotes' };
  if (value.startsWith('env:')) {
    const variable = value.slice('env:'.length);
    if (variablePattern.test(variable)) return { value: { kind: 'environment', variable } };
    return { problem: 'must name a variable of the environment after "env:"' };
  }
  if (value.startsWith('file:')) {
    const path = value.slice('file:'.length);
    return path === '' ? { problem: 'must name a file after "file:"' } : { value: { kind: 'file', path } };
  }
  if (/^(?:\.{0,2}|~)[/\\]|^[a-z]:\\/i.test(value)) return { problem: 'is a path; write "file:" before it' };
  if (value.startsWith('$')) return { problem: 'is a variable; write "env:" and its name' };
  const reading = readSecret(value);
  return 'problem' in reading ? reading : { value: { kind: 'digest', digest: reading.value } };
}

/** The digest of a key, or of one that is given as its digest. */
function readSecret(text: string): KeyReading<string> {
  const digest = digestPattern.exec(text)?.[1];
  if (digest !== undefined) return { value: digest.toLowerCase() };
  if (text.startsWith('sha256:')) return { problem: 'must have 64 hexadecimal digits after "sha256:"' };
  if (keyPattern.test(text)) return { value: createHash('sha256').update(text).digest('hex') };
  return {
    problem:
      'must be a key of 16 to 512 characters without spaces, such as `openssl rand -hex 24` makes; or env:NAME, file:PATH or sha256:DIGEST',
  };
}

/** Looks for the keys of a source where they are now. */
export async function readKeys(
  source: KeySource,
  environment: NodeJS.ProcessEnv,
): Promise<KeyReading<readonly NamedDigest[]>> {
  switch (source.kind) {
    case 'digest':
      return { value: [{ name: undefined, digest: source.digest }] };
    case 'environment':
      return keyOfVariable(source.variable, environment[source.variable]);
    case 'file':
      return keysOfFile(source.path);
  }
}

function keyOfVariable(variable: string, text = ''): KeyReading<readonly NamedDigest[]> {
  if (text === '') return { problem: `has no key: the environment has no ${variable}` };
  const reading = readSecret(text);
  if ('problem' in reading) return { problem: `names ${variable}, which ${reading.problem}` };
  return { value: [{ name: undefined, digest: reading.value }] };
}

/** A key on each line, or a name, spaces and the key; empty lines and those with `#` in front say nothing. */
async function keysOfFile(path: string): Promise<KeyReading<readonly NamedDigest[]>> {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `names the file ${path}, which can not be read (${code ?? String(error)})` };
  }
  const keys: NamedDigest[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#') === true) continue;
    const reading = words.length > 2 ? { problem: 'must be a key, or a name and a key' } : lastKey(words);
    if ('problem' in reading) return { problem: `names ${path}, where line ${index + 1} ${reading.problem}` };
    keys.push(reading.value);
  }
  if (keys.length === 0) return { problem: `names the file ${path}, which has no key` };
  return { value: keys };
}

function lastKey(words: readonly string[]): KeyReading<NamedDigest> {
  const reading = readSecret(words.at(-1) ?? '');
  if ('problem' in reading) return reading;
  return { value: { name: words.length === 2 ? words[0] : undefined, digest: reading.value } };
}

/** The source as a configuration file says it; a key is shown as its digest. */
export function writeKeySource(source: KeySource): string {
  switch (source.kind) {
    case 'digest':
      return `sha256:${source.digest}`;
    case 'environment':
      return `env:${source.variable}`;
    case 'file':
      return `file:${source.path}`;
  }
}
