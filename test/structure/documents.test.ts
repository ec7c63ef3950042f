import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/core/errors.js';
import { version } from '../../src/core/version.js';
import { chatNeutral, chatSchema } from '../../src/http/openai/chat-schema.js';
import { chatSchema as ollamaChatSchema } from '../../src/http/ollama/chat-schema.js';
import { embedSchema, oldEmbedSchema } from '../../src/http/ollama/embed-schema.js';
import { generateNeutral, generateSchema } from '../../src/http/ollama/generate-schema.js';
import { optionFields } from '../../src/http/ollama/options-schema.js';
import { showNeutral, showSchema } from '../../src/http/ollama/show-route.js';
import { completionsSchema } from '../../src/http/openai/completions-schema.js';
import { embeddingsSchema } from '../../src/http/openai/embeddings-schema.js';
import { rerankSchema } from '../../src/http/rerank-schema.js';

const api = readFileSync('docs/api.md', 'utf8');

interface Package {
  version: string;
  engines: { node: string };
  optionalDependencies: Record<string, string>;
}

interface Lockfile {
  packages: Record<string, { resolved?: string; dependencies?: object; optionalDependencies?: object }>;
}

describe('docs/api.md', () => {
  it('lists every error code with its status, and no other', () => {
    const documented = [...api.matchAll(/^\| `(\w+)` \| (\d{3}) \| (yes|no) \| .+ \|$/gm)].map(
      ([, code, status, retryable]) => [code, Number(status), retryable === 'yes'],
    );
    const catalogue = Object.entries(errorCatalogue).map(([code, { status, retryable }]) => [
      code,
      status,
      retryable,
    ]);
    expect(documented).toEqual(catalogue);
  });

  it.each([
    ['chat completions', { ...chatSchema.shape, ...chatNeutral }],
    ['completions', completionsSchema.shape],
    ['embeddings', embeddingsSchema.shape],
    ['reranking', rerankSchema.shape],
    ["Ollama's chat", { ...ollamaChatSchema.shape, ...generateNeutral }],
    ["Ollama's texts", { ...generateSchema.shape, ...optionFields }],
    ["Ollama's embeddings", { ...embedSchema.shape, ...oldEmbedSchema.shape }],
    ["Ollama's show", { ...showSchema.shape, ...showNeutral }],
  ])('says of every parameter of %s what is done with it', (_, parameters) => {
    const missing = Object.keys(parameters).filter((name) => !api.includes(`\`${name}`));
    expect(missing).toEqual([]);
  });
});

describe('docs/glossary.md', () => {
  it('says once what a word means', () => {
    const rows = readFileSync('docs/glossary.md', 'utf8').matchAll(/^\| (.+?) \| .+ \|$/gm);
    const words = Array.from(rows, ([, word = '']) => word.split(', ')).flat();
    expect(words.length).toBeGreaterThan(80);
    expect(words.filter((word, at) => words.indexOf(word) < at)).toEqual([]);
  });
});

describe('src/native', () => {
  it('makes no asynchronous native call: such a call runs on another thread', () => {
    const files = readdirSync('src/native').filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    const offenders = files.filter((file) => /\.async\b/.test(readFileSync(`src/native/${file}`, 'utf8')));
    expect(offenders).toEqual([]);
  });
});

describe('package.json', () => {
  const { version: packageVersion, optionalDependencies } = JSON.parse(
    readFileSync('package.json', 'utf8'),
  ) as Package;

  it('has the version that heddle tells', () => {
    expect(version).toBe(packageVersion);
  });

  it('pins one release of the native library on every platform', () => {
    expect(new Set(Object.values(optionalDependencies))).toEqual(new Set(['3.21.1']));
  });
});

describe.each(['package-lock.json', 'bench/package-lock.json'])('%s', (file) => {
  const text = readFileSync(file, 'utf8');
  const { packages } = JSON.parse(text) as Lockfile;

  it('has every package of every platform, so that it installs on all of them', () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies }).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry but the default one', () => {
    const hosts = [...text.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)].map(([, host]) => host);
    expect(hosts.filter((host) => host !== 'registry.npmjs.org')).toEqual([]);
  });
});
