import { noKeyLimits, type AccessKey, type AccessPolicy } from '../core/access.js';
import { HeddleError } from '../core/errors.js';
import { isLoopback } from '../core/loopback.js';
import type { AccessSettings } from './access-settings.js';
import { readKeys } from './key-source.js';

/**
 * Reads the keys from where they are.
 * @throws HeddleError `config_invalid` when one is not there, with what was configured; never with a key
 */
export async function readAccess(
  { apiKeys, adminKey, keyLimits, publicMetrics, allowedHosts, corsOrigins, limits }: AccessSettings,
  environment: NodeJS.ProcessEnv,
): Promise<AccessPolicy> {
  const entries = apiKeys.map((entry) => ({ ...entry, where: `API key "${entry.name}"`, admin: false }));
  const admin = { name: 'admin', source: adminKey, limits: noKeyLimits, where: 'admin key', admin: true };
  const keys: AccessKey[] = [];
  for (const { name: entry, source, limits: own, where, admin: isAdmin } of [admin, ...entries]) {
    if (source === undefined) continue;
    const reading = await readKeys(source, environment);
    if ('problem' in reading) throw new HeddleError('config_invalid', `The ${where} ${reading.problem}.`);
    for (const found of reading.value) {
      const digest = Buffer.from(found.digest, 'hex');
      const name = found.name ?? entry;
      keys.push({ name, digest, admin: isAdmin, limits: { ...keyLimits, ...own } });
    }
  }
  return { keys, publicMetrics, allowedHosts, corsOrigins, limits, keyLimits };
}

/**
 * An address that others can reach is listened on only if they need a key, or the server was told that they do not.
 * @throws HeddleError `unprotected_address`
 */
export function checkProtected(
  host: string,
  { keys }: Pick<AccessPolicy, 'keys'>,
  { insecureNoKey }: Pick<AccessSettings, 'insecureNoKey'>,
): void {
  if (isLoopback(host) || insecureNoKey || keys.some(({ admin }) => !admin)) return;
  throw new HeddleError(
    'unprotected_address',
    `Other machines can reach ${host}, and nobody is asked for an API key. Set HEDDLE_API_KEY, --api-key-file or api_keys; or say --insecure-no-key if anybody who can reach this address may use it.`,
  );
}
