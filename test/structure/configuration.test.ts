import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/read-config.js';
import {
  apiKeyShape,
  cacheShape,
  defaultsShape,
  fileShape,
  limitsShape,
  modelShape,
  poolShape,
  responsesShape,
  stablePromptsShape,
} from '../../src/config/schema.js';
import { settingsText } from '../../src/config/settings-text.js';
import { toSettings } from '../../src/config/settings.js';

const operations = readFileSync('docs/operations.md', 'utf8');
const section = /^## Configuration\n[^]*?(?=^## )/m.exec(operations)?.[0] ?? '';

/** Rows of the table of keys. */
const rows = [...section.matchAll(/^\| `([\w.]+)` \| (.+?) \| .+ \|$/gm)].map(([, key = '', value = '']) => ({
  key,
  value,
}));

/** Defaults that depend on the machine or on other keys, and are told in words. */
const inWords = [
  'model_dirs',
  'memory',
  'threads',
  'admin_key',
  'allowed_hosts',
  'cors_origins',
  'api_keys.NAME.key',
  'api_keys.NAME.requests_per_minute',
  'api_keys.NAME.concurrent_requests',
  'cache.directory',
  'models.ID.isolation',
  'models.ID.aliases',
];

describe('the table of the configuration file in docs/operations.md', () => {
  it('lists every key, in the order of the schema, and no other', () => {
    const sections: readonly string[] = [
      'api_keys',
      'limits',
      'responses',
      'cache',
      'pool',
      'defaults',
      'models',
    ];
    const ofModels = Object.keys(modelShape).filter((key) => !(key in defaultsShape));
    expect(rows.map(({ key }) => key)).toEqual([
      ...Object.keys(fileShape).filter((key) => !sections.includes(key)),
      ...Object.keys(apiKeyShape).map((key) => `api_keys.NAME.${key}`),
      ...Object.keys(limitsShape).map((key) => `limits.${key}`),
      ...Object.keys(responsesShape).map((key) => `responses.${key}`),
      ...Object.keys(cacheShape).map((key) => `cache.${key}`),
      ...Object.keys(poolShape).map((key) => `pool.${key}`),
      ...Object.keys(defaultsShape)
        .filter((key) => key !== 'stable_prompts')
        .map((key) => `defaults.${key}`),
      ...Object.keys(stablePromptsShape).map((key) => `defaults.stable_prompts.${key}`),
      ...ofModels.map((key) => `models.ID.${key}`),
    ]);
  });

  it('says the defaults that hold', () => {
    const { limits, responses, cache, pool, defaults, ...top } = parse(settingsText(toSettings({}))) as {
      limits: Record<string, unknown>;
      responses: Record<string, unknown>;
      cache: Record<string, unknown>;
      pool: Record<string, unknown>;
      defaults: Record<string, unknown>;
    } & Record<string, unknown>;
    const inForce: Record<string, unknown> = {
      ...top,
      ...Object.fromEntries(Object.entries(limits).map(([key, value]) => [`limits.${key}`, value])),
      ...Object.fromEntries(Object.entries(responses).map(([key, value]) => [`responses.${key}`, value])),
      ...Object.fromEntries(Object.entries(cache).map(([key, value]) => [`cache.${key}`, value])),
      ...Object.fromEntries(Object.entries(pool).map(([key, value]) => [`pool.${key}`, value])),
      ...Object.fromEntries(Object.entries(defaults).map(([key, value]) => [`defaults.${key}`, value])),
      ...Object.fromEntries(
        Object.entries(defaults['stable_prompts'] as object).map(([key, value]) => [
          `defaults.stable_prompts.${key}`,
          value as unknown,
        ]),
      ),
    };
    const documented = rows.filter(({ key }) => !inWords.includes(key));
    expect(documented).toEqual(documented.map(({ key }) => ({ key, value: String(inForce[key]) })));
  });
});

describe('the example of the configuration file in docs/operations.md', () => {
  it('is valid', () => {
    const example = /```yaml\n([^]*?)```/.exec(section)?.[1] ?? '';
    const { config, problems } = parseConfig(example);
    expect(problems).toEqual([]);
    expect(config).toMatchObject({ port: 8484, models: { 'qwen3-8b': { pinned: true } } });
  });
});
