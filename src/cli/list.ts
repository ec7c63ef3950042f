import { silentLogger } from '../core/logger.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import { formatBytes } from './format-bytes.js';
import { configFile, toOverrides, type ModelOptions } from './options.js';
import { ServerSettings } from './server-settings.js';

/** `heddle list` */
export async function listModels(options: ModelOptions): Promise<void> {
  const { current } = await ServerSettings.read(configFile(options), toOverrides(options));
  const catalogue = new ModelCatalogue(current.modelDirectories, silentLogger);
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
