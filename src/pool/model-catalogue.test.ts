import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../core/logger.js';
import { ModelCatalogue } from './model-catalogue.js';

let folder: string;
let warnings: string[];
let log: Logger;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-catalogue-'));
  warnings = [];
  log = { ...silentLogger, warn: (_, message) => warnings.push(message) };
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, bytes = 1): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, 'x'.repeat(bytes));
}

async function ids(...folders: string[]): Promise<string[]> {
  const catalogue = new ModelCatalogue(folders.length === 0 ? [folder] : folders, log);
  return (await catalogue.scan()).map(({ id }) => id);
}

describe('a model catalogue', () => {
  it('calls models by the stem of their file, in subfolders too, in order', async () => {
    for (const path of ['b.gguf', 'a.Q4_K_M.gguf', 'org/repo/c.gguf', 'notes.txt', 'mmproj-b.gguf'])
      write(path);
    expect(await ids()).toEqual(['a.Q4_K_M', 'b', 'c']);
  });

  it('counts a split model as one, with the sizes of its parts together', async () => {
    write('big-00001-of-00003.gguf', 10);
    write('big-00002-of-00003.gguf', 20);
    write('big-00003-of-00003.gguf', 30);
    const [model, ...others] = await new ModelCatalogue([folder], log).scan();
    expect(others).toEqual([]);
    expect(model).toMatchObject({ id: 'big', bytes: 60, path: join(folder, 'big-00001-of-00003.gguf') });
  });

  it('leaves a split model with missing parts out, and says so', async () => {
    write('big-00001-of-00003.gguf');
    write('big-00003-of-00003.gguf');
    expect(await ids()).toEqual([]);
    expect(warnings).toEqual(['Parts of the model big are missing.']);
  });

  it("takes the first folder's model when two have the same id, and says so", async () => {
    write('one/m.gguf', 1);
    write('two/m.gguf', 2);
    const catalogue = new ModelCatalogue([join(folder, 'two'), join(folder, 'one')], log);
    expect((await catalogue.find('m')).bytes).toBe(2);
    expect(warnings).toEqual(['Another model is called m.']);
  });

  it('finds a model that was added after the last scan', async () => {
    const catalogue = new ModelCatalogue([folder], log);
    await expect(catalogue.find('new')).rejects.toMatchObject({ code: 'model_not_found' });
    write('new.gguf');
    expect((await catalogue.find('new')).id).toBe('new');
  });

  it('never takes an id as a path', async () => {
    write('inside/m.gguf');
    write('outside.gguf');
    const catalogue = new ModelCatalogue([join(folder, 'inside')], log);
    for (const id of ['../outside', join(folder, 'outside.gguf'), 'm.gguf', '', '__proto__']) {
      await expect(catalogue.find(id)).rejects.toMatchObject({ code: 'model_not_found', param: 'model' });
    }
  });

  it('leaves out a link that leads nowhere, and says so', async () => {
    write('m.gguf');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'lost.gguf'));
    expect(await ids()).toEqual(['m']);
    expect(warnings).toEqual(['The file of the model lost can not be read.']);
  });

  it('goes on with the other folders when one can not be read', async () => {
    write('m.gguf');
    expect(await ids(join(folder, 'nowhere'), folder)).toEqual(['m']);
    expect(warnings).toEqual(['A model folder can not be read.']);
  });

  it('can be told to look in other folders', async () => {
    write('one/a.gguf');
    write('two/b.gguf');
    const catalogue = new ModelCatalogue([join(folder, 'one')], log);
    await catalogue.scan();
    expect((await catalogue.lookIn([join(folder, 'two')])).map(({ id }) => id)).toEqual(['b']);
    await expect(catalogue.find('a')).rejects.toMatchObject({ code: 'model_not_found' });
    expect(catalogue.directories).toEqual([join(folder, 'two')]);
  });

  it('that gets other folders in the middle of a look does not end up with the models of the old ones', async () => {
    write('one/deep/deeper/a.gguf');
    write('two/b.gguf');
    const catalogue = new ModelCatalogue([join(folder, 'one')], log);
    const old = catalogue.scan();
    const models = await catalogue.lookIn([join(folder, 'two')]);
    expect((await old).map(({ id }) => id)).toEqual(['b']);
    expect(models.map(({ id }) => id)).toEqual(['b']);
    expect((await catalogue.find('b')).id).toBe('b');
  });
});
