import { open, type FileHandle } from 'node:fs/promises';
import { kindOf, type ModelKind } from '../core/model-kind.js';
import { arrayType, boolType, GgufReader, stringType } from './gguf-reader.js';

/**
 * What a GGUF file says that its model is for. Reads the metadata alone, in chunks: of a vocabulary of 150,000 tokens
 * some megabytes, in some 20 ms of which the event loop has most. The whole of it, since keys may be in any order.
 * @returns undefined for what is no GGUF file that can be read: a load will say why
 */
export async function ggufKind(path: string): Promise<ModelKind | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readKind(new GgufReader(file));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

async function readKind(reader: GgufReader): Promise<ModelKind | undefined> {
  const counts = await reader.counts();
  if (counts === undefined) return undefined;
  let architecture: string | undefined;
  const poolings = new Map<string, number>();
  const causal = new Map<string, boolean>();
  for (let index = 0; index < counts.values; index++) {
    const key = await reader.text();
    const type = await reader.uint32();
    if (key === 'general.architecture' && type === stringType) architecture = await reader.text();
    else if (key.endsWith('.pooling_type') && type !== stringType && type !== arrayType)
      poolings.set(key, await reader.scalar(type));
    else if (key.endsWith('.attention.causal') && type === boolType)
      causal.set(key, (await reader.scalar(type)) !== 0);
    else await reader.skipValue(type);
  }
  if (architecture === undefined) return undefined;
  return kindOf({
    pooling: poolings.get(`${architecture}.pooling_type`),
    causal: causal.get(`${architecture}.attention.causal`) ?? true,
  });
}
