import { silentLogger } from '../core/logger.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import { formatBytes } from './format-bytes.js';
import { modelDirectories, type ModelOptions } from './options.js';

/** `heddle list` */
export async function listModels(options: ModelOptions): Promise<void> {
  const catalogue = new ModelCatalogue(modelDirectories(options), silentLogger);
  const models = await catalogue.scan();
  if (models.length === 0) {
    process.stdout.write(`There are no GGUF files in ${catalogue.directories.join(', ')}.\n`);
    return;
  }
  const width = Math.max(...models.map(({ id }) => id.length), 'MODEL'.length);
  process.stdout.write(`${'MODEL'.padEnd(width)}  ${'SIZE'.padStart(9)}  FILE\n`);
  for (const { id, bytes, path } of models) {
    process.stdout.write(`${id.padEnd(width)}  ${formatBytes(bytes).padStart(9)}  ${path}\n`);
  }
}
