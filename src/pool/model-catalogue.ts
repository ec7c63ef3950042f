import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { HeddleError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ModelKind } from '../core/model-kind.js';
import { ggufKind } from './gguf-kind.js';
import { ggufMetadata, type GgufMetadata } from './gguf-metadata.js';

/** A model on disk that can be asked for by its id. */
export interface ModelFile {
  /** The file's stem; of a split model, without the part number. */
  readonly id: string;
  /** The file to load; of a split model, the first part. */
  readonly path: string;
  /** All parts together, bytes. */
  readonly bytes: number;
  /** Last change of the first file, milliseconds since 1970. */
  readonly modified: number;
}

const splitName = /^(?<stem>.+)-(?<part>\d{5})-of-(?<parts>\d{5})\.gguf$/;
const maxDepth = 5;

/**
 * The GGUF models below some folders. Ids resolve only to files that were found there: a client never names a path.
 * Of two models with the same id the first folder's is taken.
 */
export class ModelCatalogue {
  #directories: readonly string[];
  readonly #log: Logger;
  #models = new Map<string, ModelFile>();
  /** By path, of files as they were when they were read. */
  readonly #kinds = new Map<string, { file: ModelFile; kind: Promise<ModelKind | undefined> }>();
  readonly #metadata = new Map<string, { file: ModelFile; metadata: Promise<GgufMetadata | undefined> }>();

  constructor(directories: readonly string[], log: Logger) {
    this.#directories = directories.map((directory) => resolve(directory));
    this.#log = log;
  }

  get directories(): readonly string[] {
    return this.#directories;
  }

  /** Other folders from now on; takes effect for whoever asks from now on. @returns all models, by id */
  async lookIn(directories: readonly string[]): Promise<readonly ModelFile[]> {
    this.#directories = directories.map((directory) => resolve(directory));
    return this.scan();
  }

  /** Looks at the folders again. @returns all models, by id */
  async scan(): Promise<readonly ModelFile[]> {
    const directories = this.#directories;
    const models = new Map<string, ModelFile>();
    for (const directory of directories) {
      for (const model of await modelsIn(directory, this.#log)) {
        if (models.has(model.id))
          this.#log.warn({ path: model.path }, `Another model is called ${model.id}.`);
        else models.set(model.id, model);
      }
    }
    if (directories !== this.#directories) return this.scan(); // there are other folders by now
    this.#models = models;
    return [...models.values()].toSorted((a, b) => a.id.localeCompare(b.id));
  }

  /**
   * The model of this id; looks at the folders again when it is not known, so that new files are found.
   * @throws HeddleError `model_not_found`
   */
  async find(id: string): Promise<ModelFile> {
    const known = this.#models.get(id);
    if (known !== undefined) return known;
    const models = await this.scan();
    const found = this.#models.get(id);
    if (found !== undefined) return found;
    const names = models.map((model) => model.id).join(', ');
    const help =
      models.length === 0
        ? `There are no GGUF files in ${this.#directories.join(', ')}.`
        : `There is: ${names}.`;
    throw new HeddleError('model_not_found', `There is no model "${id}". ${help}`, { param: 'model' });
  }

  /** What a model is for by its file, which is read once; undefined when it can not be told. */
  async kindOf(file: ModelFile): Promise<ModelKind | undefined> {
    const known = this.#kinds.get(file.path);
    if (known?.file.modified === file.modified && known.file.bytes === file.bytes) return known.kind;
    const kind = ggufKind(file.path);
    this.#kinds.set(file.path, { file, kind });
    return kind;
  }

  /** What the file says of its model, which is read once; undefined when it can not be read. */
  async metadataOf(file: ModelFile): Promise<GgufMetadata | undefined> {
    const known = this.#metadata.get(file.path);
    if (known?.file.modified === file.modified && known.file.bytes === file.bytes) return known.metadata;
    const metadata = ggufMetadata(file.path);
    this.#metadata.set(file.path, { file, metadata });
    return metadata;
  }
}

/** @throws HeddleError `model_not_found` when the folder can not be read */
async function modelsIn(directory: string, log: Logger): Promise<ModelFile[]> {
  const paths = await ggufFiles(directory, maxDepth, log);
  const present = new Set(paths);
  const models: ModelFile[] = [];
  const add = async (id: string, files: readonly string[]): Promise<void> => {
    try {
      models.push(await modelFile(id, files));
    } catch (error) {
      log.warn({ id, error: String(error) }, `The file of the model ${id} can not be read.`);
    }
  };
  for (const path of paths) {
    const split = splitName.exec(basename(path))?.groups;
    if (split === undefined) {
      await add(basename(path, '.gguf'), [path]);
      continue;
    }
    const { stem, part, parts } = split;
    if (stem === undefined || parts === undefined || Number(part) !== 1) continue;
    const all = Array.from({ length: Number(parts) }, (_, index) =>
      join(path, '..', `${stem}-${String(index + 1).padStart(5, '0')}-of-${parts}.gguf`),
    );
    const missing = all.filter((file) => !present.has(file));
    if (missing.length === 0) await add(stem, all);
    else
      log.warn({ missing: missing.map((file) => basename(file)) }, `Parts of the model ${stem} are missing.`);
  }
  return models;
}

async function ggufFiles(directory: string, depth: number, log: Logger): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await list(directory, log)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && depth > 0) paths.push(...(await ggufFiles(path, depth - 1, log)));
    // Multimodal projectors are parts of other models, not models.
    else if (entry.name.endsWith('.gguf') && !entry.name.startsWith('mmproj')) paths.push(path);
  }
  return paths.toSorted();
}

async function list(directory: string, log: Logger): ReturnType<typeof readEntries> {
  try {
    return await readEntries(directory);
  } catch (error) {
    log.warn({ directory, error: String(error) }, 'A model folder can not be read.');
    return [];
  }
}

async function readEntries(directory: string) {
  return readdir(directory, { withFileTypes: true });
}

async function modelFile(id: string, files: readonly string[]): Promise<ModelFile> {
  const sizes = await Promise.all(files.map(async (file) => stat(file)));
  const [path = ''] = files;
  return {
    id,
    path,
    bytes: sizes.reduce((sum, { size }) => sum + size, 0),
    modified: sizes[0]?.mtimeMs ?? 0,
  };
}
