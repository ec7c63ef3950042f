import { cacheTable, type CacheEntry } from './cache-table.js';
import { formatBytes } from './format-bytes.js';
import type { RemoteOptions } from './remote.js';
import { askServer } from './server-client.js';
import { keyFor } from './server-key.js';

/** Options of `heddle cache`. */
export interface CacheOptions extends RemoteOptions {
  /** Id or alias; all that are loaded when absent. */
  readonly model?: string;
}

/** What a model was asked to do, or why it did not. */
interface Answer extends CacheEntry {
  readonly cleared?: { readonly sequences: number; readonly blocks: number; readonly files: number };
  readonly verified?: { readonly files: number; readonly bytes: number; readonly bad: number };
  readonly error?: { readonly code: string; readonly message: string };
}

const nothing = 'No model is loaded.\n';

/** `heddle cache stats` */
export async function showCache({ url, model, apiKey }: CacheOptions): Promise<void> {
  const question = { apiKey: keyFor(apiKey) };
  const { models } = (await askServer(`${url}/admin/cache`, question)) as { models: Answer[] };
  const id = model === undefined ? undefined : await idOf(url, model, question);
  const shown = models.filter((entry) => id === undefined || entry.id === id);
  if (shown.length > 0) process.stdout.write(cacheTable(shown));
  else process.stdout.write(id === undefined ? nothing : `${id} is not loaded.\n`);
}

/** `heddle cache clear` */
export async function clearCache(options: CacheOptions): Promise<void> {
  await tell('clear', options, ({ id, cleared }) => {
    if (cleared === undefined) return undefined;
    const { sequences, blocks, files } = cleared;
    return `${id}: removed ${sequences} sequences, ${blocks} blocks in RAM and ${files} files.`;
  });
}

/** `heddle cache verify` */
export async function verifyCache(options: CacheOptions): Promise<void> {
  await tell('verify', options, ({ id, verified, disk }) => {
    if (verified === undefined)
      return `${id}: ${disk === null ? 'keeps no prompts on disk' : 'its disk does not answer'}.`;
    const { files, bytes, bad } = verified;
    return `${id}: read ${files} files, ${formatBytes(bytes)}; ${bad} were bad and set aside.`;
  });
}

/** Each model's line; the exit code says whether one of them could not do it. */
async function tell(
  action: string,
  { url, model, apiKey }: CacheOptions,
  line: (answer: Answer) => string | undefined,
): Promise<void> {
  const body = model === undefined ? {} : { model };
  const question = { method: 'POST', body, apiKey: keyFor(apiKey) };
  const { models } = (await askServer(`${url}/admin/cache/${action}`, question)) as { models: Answer[] };
  if (models.length === 0) process.stdout.write(nothing);
  for (const answer of models) {
    if (answer.error === undefined) process.stdout.write(`${line(answer) ?? answer.id}\n`);
    else {
      process.stderr.write(`${answer.id}: ${answer.error.message} (${answer.error.code})\n`);
      process.exitCode = 1;
    }
  }
}

/** The id that a name stands for. @throws HeddleError `model_not_found` */
async function idOf(url: string, name: string, question: { apiKey: string | undefined }): Promise<string> {
  const model = (await askServer(`${url}/v1/models/${encodeURIComponent(name)}`, question)) as {
    id: string;
    alias_of?: string;
  };
  return model.alias_of ?? model.id;
}
