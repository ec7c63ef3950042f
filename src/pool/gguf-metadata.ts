import { open, type FileHandle } from 'node:fs/promises';
import { GgufReader } from './gguf-reader.js';

/** What the head of a GGUF file says of its model. */
export interface GgufMetadata {
  /** By key, such as `general.architecture`; lists, such as the vocabulary, are null. */
  readonly values: Readonly<Record<string, string | number | boolean | null>>;
  /** Parameters in the tensors of this file: of a split model, in its first part. */
  readonly parameters: number;
}

/** More tensors or dimensions than any model has. */
const mostTensors = 2 ** 20;
const mostDimensions = 8;

/**
 * Reads metadata and tensor table of a GGUF file, in chunks and without its vocabulary.
 * @returns undefined for what is no GGUF file that can be read: a load will say why
 */
export async function ggufMetadata(path: string): Promise<GgufMetadata | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readMetadata(new GgufReader(file));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

async function readMetadata(reader: GgufReader): Promise<GgufMetadata | undefined> {
  const counts = await reader.counts();
  if (counts === undefined || counts.tensors > mostTensors) return undefined;
  const values = new Map<string, string | number | boolean | null>();
  for (let index = 0; index < counts.values; index++) {
    const key = await reader.text();
    values.set(key, await reader.value(await reader.uint32()));
  }
  let parameters = 0;
  for (let index = 0; index < counts.tensors; index++) parameters += await tensorElements(reader);
  return { values: Object.fromEntries(values), parameters };
}

/** Steps over an entry of the tensor table: its name, its dimensions, its type and where its data is. */
async function tensorElements(reader: GgufReader): Promise<number> {
  await reader.text();
  const dimensions = await reader.uint32();
  if (dimensions > mostDimensions) throw new RangeError('too many dimensions');
  let elements = 1;
  for (let index = 0; index < dimensions; index++) elements *= await reader.uint64();
  await reader.uint32();
  await reader.uint64();
  return elements;
}
