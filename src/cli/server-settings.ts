import { checkProtected, readAccess } from '../config/read-access.js';
import { readConfig } from '../config/read-config.js';
import { toSettings, type SettingOverrides, type Settings } from '../config/settings.js';
import { takeOver } from '../config/take-over.js';
import { defaultAccess, type AccessPolicy } from '../core/access.js';
import { toHeddleError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** How settings are read. */
interface ReadOptions {
  /** Keys are looked for too, and are asked for where others can reach the server. Else nobody is known to it. */
  readonly keys: boolean;
}

/** The settings of a server: read at its start, and again while it runs. */
export class ServerSettings {
  readonly file: string | undefined;
  readonly #overrides: SettingOverrides;
  readonly #options: ReadOptions;
  #current: Settings;
  #access: AccessPolicy = defaultAccess;
  #reloads: Promise<void> = Promise.resolve();

  private constructor(
    file: string | undefined,
    overrides: SettingOverrides,
    options: ReadOptions,
    settings: Settings,
  ) {
    this.file = file;
    this.#overrides = overrides;
    this.#options = options;
    this.#current = settings;
  }

  /**
   * @param file the configuration file, if there is one
   * @param overrides the command line, which goes before the file each time it is read
   * @throws HeddleError `config_invalid`; with keys also `unprotected_address`
   */
  static async read(
    file: string | undefined,
    overrides: SettingOverrides,
    options: ReadOptions = { keys: false },
  ): Promise<ServerSettings> {
    const settings = await readSettings(file, overrides);
    const made = new ServerSettings(file, overrides, options, settings);
    made.#access = await made.#readAccess(settings);
    return made;
  }

  /** What holds now. */
  get current(): Settings {
    return this.#current;
  }

  /** Who may ask for what now. */
  get access(): AccessPolicy {
    return this.#access;
  }

  /**
   * Reads the file, and the files of keys, again; what runs is not touched. With errors in the file everything stays as it was, and the log says
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
      const access = await this.#readAccess(settings);
      const before = { settings: this.#current, access: this.#access };
      this.#current = settings;
      this.#access = access;
      try {
        await apply(settings);
      } catch (error) {
        this.#current = before.settings;
        this.#access = before.access;
        throw error;
      }
      if (keptKeys.length > 0) {
        log.warn(
          { file, keys: keptKeys },
          `Changes of ${keptKeys.join(', ')} need a new start of the server.`,
        );
      }
    } catch (thrown) {
      const { code, message } = toHeddleError(thrown);
      log.error({ file, code }, `The settings stay as they are. ${message}`);
    }
  }

  async #readAccess({ host, access }: Settings): Promise<AccessPolicy> {
    if (!this.#options.keys) return defaultAccess;
    const policy = await readAccess(access, process.env);
    checkProtected(host, policy, access);
    return policy;
  }
}

async function readSettings(file: string | undefined, overrides: SettingOverrides): Promise<Settings> {
  return toSettings(file === undefined ? {} : await readConfig(file), overrides);
}
