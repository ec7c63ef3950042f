import { open, stat } from 'node:fs/promises';
import { gguf } from '@huggingface/gguf';
import { HeddleError } from '../core/errors.js';
import { knownArchitectures } from './known-architectures.js';
import type { LlamaLibrary } from './llama-library.js';

/**
 * Why the library could not load a model file. It reports reasons only through a process-wide log callback, which
 * must not be JavaScript (any native thread may call it), so the file itself is asked.
 */
export async function explainLoadFailure(path: string, library: LlamaLibrary): Promise<HeddleError> {
  let size: number;
  let magic: string;
  try {
    size = (await stat(path)).size;
    magic = await magicOf(path);
  } catch (error) {
    return new HeddleError(
      'model_load_failed',
      `The model file ${path} can not be read: ${message(error)}.`,
      {
        cause: error,
      },
    );
  }
  if (magic !== 'GGUF') {
    return new HeddleError(
      'model_file_invalid',
      `${path} is not a GGUF file. heddle loads GGUF models; convert it with llama.cpp's convert_hf_to_gguf.py.`,
    );
  }
  const header = await readHeader(path);
  if (header === undefined) {
    return new HeddleError(
      'model_file_truncated',
      `The header of ${path} can not be read to its end: the file is cut short or damaged. Download it again.`,
    );
  }
  const end = dataEnd(header, library);
  if (end > size) {
    return new HeddleError(
      'model_file_truncated',
      `${path} is cut short: its tensors end at byte ${end}, the file at byte ${size}. Download it again.`,
    );
  }
  const architecture = String(header.metadata['general.architecture']);
  if (!knownArchitectures.has(architecture)) {
    return new HeddleError(
      'model_architecture_unknown',
      `${path} has the architecture "${architecture}", which llama.cpp ${library.version} does not know. It needs a newer library (HEDDLE_LLAMA_LIB) or another model.`,
    );
  }
  return new HeddleError(
    'model_load_failed',
    `llama.cpp ${library.version} could not load ${path} (architecture "${architecture}"): it is damaged or incomplete, or there is not enough memory.`,
  );
}

async function magicOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

type Header = Awaited<ReturnType<typeof gguf>>;

/** Undefined when the header is not whole: the reader throws, or goes on with empty values behind the end. */
async function readHeader(path: string): Promise<Header | undefined> {
  try {
    const header = await gguf(path, { allowLocalFile: true });
    const whole = header.tensorInfos.every(({ name, shape }) => name !== '' && shape.length > 0);
    return whole ? header : undefined;
  } catch {
    return undefined; // whatever the reader stumbled over, the header is what is damaged
  }
}

/** Where the last tensor ends, in bytes from the start of the file. */
function dataEnd({ tensorDataOffset, tensorInfos }: Header, { bindings }: LlamaLibrary): number {
  const start = Number(tensorDataOffset);
  let end = start;
  for (const { offset, shape, dtype } of tensorInfos) {
    const elements = shape.reduce((product, length) => product * Number(length), 1);
    const bytes = (elements / bindings.ggml_blck_size(dtype)) * bindings.ggml_type_size(dtype);
    end = Math.max(end, start + Number(offset) + bytes);
  }
  return end;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
