import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureNames, writeFixture } from '../testing/gguf/fixtures.js';
import { ggufMetadata } from './gguf-metadata.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-gguf-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the metadata of a GGUF file', () => {
  it.each(fixtureNames)('of %s is what another reader finds, without its lists', async (name) => {
    const path = writeFixture(name, folder);
    const found = await ggufMetadata(path);
    const { metadata, parameterCount } = await gguf(path, {
      allowLocalFile: true,
      computeParametersCount: true,
    });
    const { version: _, tensor_count: __, kv_count: ___, ...values } = metadata as Record<string, unknown>;
    const expected = Object.entries(values).map(([key, value]) => [
      key,
      Array.isArray(value) ? null : typeof value === 'bigint' ? Number(value) : value,
    ]);
    expect(found?.values).toEqual(Object.fromEntries(expected));
    expect(Object.values(found?.values ?? {})).toContain(null);
    expect(found?.parameters).toBe(parameterCount);
  });

  it('of what is none, is cut short, or is not there is unknown', async () => {
    const other = join(folder, 'other.gguf');
    writeFileSync(other, 'nothing of the kind');
    const cut = writeFixture('llama', folder, { seed: 9 });
    truncateSync(cut, 2000);
    for (const path of [other, cut, join(folder, 'nowhere.gguf')])
      expect(await ggufMetadata(path)).toBeUndefined();
  });
});
