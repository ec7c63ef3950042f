import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKeys, readKeySource, writeKeySource, type KeySource } from './key-source.js';

const key = 'sk-0123456789abcdef';
const digest = createHash('sha256').update(key).digest('hex');

describe('what a file says of a key', () => {
  it.each<[string, KeySource]>([
    [key, { kind: 'digest', digest }],
    [`sha256:${digest}`, { kind: 'digest', digest }],
    [`sha256:${digest.toUpperCase()}`, { kind: 'digest', digest }],
    ['env:MY_KEY', { kind: 'environment', variable: 'MY_KEY' }],
    ['file:/run/my keys', { kind: 'file', path: '/run/my keys' }],
  ])('%s is understood, and written back so that it means the same', (text, source) => {
    expect(readKeySource(text)).toEqual({ value: source });
    expect(readKeySource(writeKeySource(source))).toEqual({ value: source });
    expect(JSON.stringify(source)).not.toContain(key);
  });

  it.each([
    'short',
    '0123456789abcde',
    'a key with spaces in it',
    `${key}\n`,
    'schlüssel-schlüssel',
    'x'.repeat(513),
    `sha256:${digest.slice(1)}`,
    'env:',
    'env:MY KEY',
    'file:',
    '/run/secrets/heddle/key',
    './secrets/heddle/key-file',
    '../secrets/heddle/key-file',
    '~/secrets/heddle/key-file',
    'C:\\secrets\\heddle\\key-file',
    '$MY_KEY_OF_THE_SERVER',
    '${MY_KEY_OF_THE_SERVER}',
    1234567890123456,
    ['0123456789abcdef'],
    undefined,
  ])('%j is refused without being shown', (value) => {
    const reading = readKeySource(value);
    expect(reading).toEqual({ problem: expect.stringMatching(/^(?:must|is) /) as string });
    const shown = typeof value === 'string' && value.length > 6 && JSON.stringify(reading).includes(value);
    expect(shown).toBe(false);
  });
});

describe('keys', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'heddle-keys-'));
    path = join(folder, 'keys');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const hashed = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('of a file are one on each line, with a name or without; what else is in it is passed over', async () => {
    const other = 'another-key-of-somebody';
    writeFileSync(path, `# ours\n${key}\r\n\n  ann   ${other}  \nsha256:${digest}\n#${other}`);
    expect(await readKeys({ kind: 'file', path }, {})).toEqual({
      value: [
        { name: undefined, digest },
        { name: 'ann', digest: hashed(other) },
        { name: undefined, digest },
      ],
    });
  });

  it.each([
    ['a line with too much in it', `${key}\nann b ${key}\n`, 'line 2 must be a key, or a name and a key'],
    ['a short key', `\n\nshort\n`, 'line 3 must be a key of 16'],
    ['no key', '# nothing\n', 'which has no key'],
  ])('of a file with %s are refused, and no line of it is shown', async (_, text, problem) => {
    writeFileSync(path, text);
    const reading = await readKeys({ kind: 'file', path }, {});
    expect(reading).toEqual({ problem: expect.stringContaining(problem) as string });
    expect(JSON.stringify(reading)).not.toContain(key);
    expect(JSON.stringify(reading)).not.toContain('short');
  });

  it('of a file that is not there are refused', async () => {
    expect(await readKeys({ kind: 'file', path }, {})).toEqual({
      problem: `names the file ${path}, which can not be read (ENOENT)`,
    });
  });

  it('of the environment are looked for there', async () => {
    const source: KeySource = { kind: 'environment', variable: 'A' };
    expect(await readKeys(source, { A: key })).toEqual({ value: [{ name: undefined, digest }] });
    expect(await readKeys(source, { A: `sha256:${digest}` })).toEqual({
      value: [{ name: undefined, digest }],
    });
    expect(await readKeys(source, { A: '' })).toEqual({ problem: 'has no key: the environment has no A' });
    const short = await readKeys(source, { A: 'short-one' });
    expect(short).toEqual({
      problem: expect.stringContaining('names A, which must be a key of 16') as string,
    });
    expect(JSON.stringify(short)).not.toContain('short-one');
  });
});
