import { readConfig } from '../config/read-config.js';
import { toSettings, type SettingOverrides, type Settings } from '../config/settings.js';
import { takeOver } from '../config/take-over.js';
import { toHeddleError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** The settings of a server: read at its start, and again while it runs. */
export class ServerSettings {
  readonly file: string | undefined;
  readonly #overrides: SettingOverrides;
  #current: Settings;
  #reloads: Promise<void> = Promise.resolve();

  private constructor(file: string | undefined, overrides: SettingOverrides, settings: Settings) {
    this.file = file;
    this.#overrides = overrides;
    this.#current = settings;
  }

  /**
   * @param file the configuration file, if there is one
   * @param overrides the command line, which goes before the file each time it is read
   * @throws HeddleError `config_invalid`
   */
  static async read(file: string | undefined, overrides: SettingOverrides): Promise<ServerSettings> {
    return new ServerSettings(file, overrides, await readSettings(file, overrides));
  }

  /** What holds now. */
  get current(): Settings {
    return this.#current;
  }

  /**
   * Reads the file again; what runs is not touched. With errors in the file everything stays as it was, and the log says
   * where they are. Several calls are carried out one after the other. Never rejects.
   * @param apply makes the new settings hold
   */
  async reload(apply: (settings: Settings) => Promise<void>, log: Logger): Promise<void> {
    this.#reloads = this.#reloads.then(async () => this.#reload(apply, log));
    await this.#reloads;
  }

  async #reload(apply: (settings: Settings) => Promise<void>, log: Logger): Promise<void> {
    const { file } = this;
    try {
      const { settings, keptKeys } = takeOver(this.#current, await readSettings(this.file, this.#overrides));
      this.#current = settings;
      if (keptKeys.length > 0) {
        log.warn(
          { file, keys: keptKeys },
          `Changes of ${keptKeys.join(', ')} need a new start of the server.`,
        );
      }
      await apply(settings);
    } catch (thrown) {
      const { code, message } = toHeddleError(thrown);
      log.error({ file, code }, `The settings stay as they are. ${message}`);
    }
  }
}

async function readSettings(file: string | undefined, overrides: SettingOverrides): Promise<Settings> {
  return toSettings(file === undefined ? {} : await readConfig(file), overrides);
}
