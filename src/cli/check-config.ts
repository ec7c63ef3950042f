import { readConfig } from '../config/read-config.js';
import { settingsText } from '../config/settings-text.js';
import { toSettings } from '../config/settings.js';
import { unknownModels } from '../config/unknown-models.js';
import { silentLogger } from '../core/logger.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import { defaultCeiling, readMachineMemory } from '../pool/machine-memory.js';
import { formatBytes } from './format-bytes.js';

/**
 * `heddle config check FILE`: writes the settings that the file makes, those it does not name included.
 * @throws HeddleError `config_invalid`, with all errors of the file
 */
export async function checkConfig(file: string): Promise<void> {
  const settings = toSettings(await readConfig(file));
  process.stdout.write(settingsText(settings));
  const { memoryCeiling, threads } = settings.pool;
  if (memoryCeiling === undefined) {
    const { totalBytes, cgroupLimitBytes } = readMachineMemory();
    const ceiling = formatBytes(defaultCeiling(totalBytes, cgroupLimitBytes));
    process.stdout.write(`# memory: 80 % of this machine's or container's, ${ceiling} here\n`);
  }
  if (threads === undefined) process.stdout.write("# threads: the machine's cores\n");
  const models = await new ModelCatalogue(settings.modelDirectories, silentLogger).scan();
  const ids = models.map(({ id }) => id);
  for (const warning of unknownModels(settings.pool, ids)) process.stderr.write(`warning: ${warning}\n`);
}
