import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRequestLimits, noKeyLimits } from '../core/access.js';
import { defaultResponseLimits } from '../core/response-limits.js';
import { defaultStableRules } from '../core/stable-rules.js';
import { defaultPolicy } from '../pool/pool-policy.js';
import { defaultModelSettings, settingsOf } from '../pool/pool-settings.js';
import type { KeySource } from './key-source.js';
import { parseConfig } from './read-config.js';
import { policyKeys, type Config } from './schema.js';
import { settingsText } from './settings-text.js';
import { defaultServerSettings, isolationOf, toSettings } from './settings.js';
import { takeOver } from './take-over.js';
import { unknownModels } from './unknown-models.js';

describe('settings', () => {
  it('are the defaults where nothing is said', () => {
    expect(toSettings({})).toEqual({
      ...defaultServerSettings,
      responses: defaultResponseLimits,
      modelIsolation: {},
      access: {
        apiKeys: [],
        insecureNoKey: false,
        publicMetrics: false,
        allowedHosts: [],
        corsOrigins: [],
        limits: defaultRequestLimits,
        keyLimits: noKeyLimits,
      },
      pool: {
        defaults: defaultModelSettings,
        models: {},
        aliases: {},
        policy: {},
        cache: { bytes: 16 * 2 ** 30 },
      },
    });
  });

  it('are those of the file, under the names of the pool', () => {
    const settings = toSettings({
      port: 1,
      grace: 10,
      memory: 2 ** 30,
      threads: 3,
      cache: { directory: '/cache', size: 2 ** 20 },
      pool: { queue_wait: 1, crash_limit: 2 },
      defaults: {
        context: 512,
        parallel: 2,
        batch_size: 64,
        inter_token_target: 80,
        speculation: 'off',
        pinned: true,
        preload: true,
        idle_timeout: 9,
        resident: 5,
        cache_memory: 2 ** 21,
      },
      models: { a: { context: 1024, aliases: ['x', 'y'], isolation: 'thread' }, b: {} },
    });
    expect(settings).toMatchObject({ port: 1, grace: 10 });
    expect(settings.pool).toEqual({
      memoryCeiling: 2 ** 30,
      threads: 3,
      policy: { queueWait: 1, crashLimit: 2 },
      cache: { directory: '/cache', bytes: 2 ** 20 },
      defaults: {
        contextSize: 512,
        slots: 2,
        batchSize: 64,
        interTokenTarget: 80,
        speculation: 'off',
        pinned: true,
        preload: true,
        idleTimeout: 9,
        residents: 5,
        cacheMemory: 2 ** 21,
        stablePrompts: defaultStableRules,
      },
      models: { a: { contextSize: 1024 }, b: {} },
      aliases: { x: 'a', y: 'a' },
    });
    expect(['a', 'b', 'toString'].map((id) => isolationOf(settings, id))).toEqual([
      'thread',
      'process',
      'process',
    ]);
  });

  it('on stable prompts are merged rule by rule', () => {
    const { pool } = toSettings({
      defaults: { stable_prompts: { billing_header: false, clock_time: true } },
      models: { a: { stable_prompts: { clock_time: false, tool_keys: true } }, b: {} },
    });
    const rules = (id: string) => settingsOf(pool, id).stablePrompts;
    const both = { trailing_whitespace: false, session_ids: false, tool_order: false };
    expect(rules('b')).toEqual({ ...both, billing_header: false, clock_time: true, tool_keys: false });
    expect(rules('a')).toEqual({ ...both, billing_header: false, clock_time: false, tool_keys: true });
  });

  it('of the command line go before the file, but not before what it says of a single model', () => {
    const config: Config = {
      port: 1,
      host: 'a',
      threads: 1,
      isolation: 'thread',
      cache: { directory: '/file', size: 2 ** 30 },
      defaults: { context: 512, parallel: 2, inter_token_target: 80 },
      models: { a: { context: 1024, inter_token_target: 99, speculation: 'ngram', isolation: 'thread' } },
    };
    const settings = toSettings(config, {
      port: 2,
      threads: 4,
      contextSize: 2048,
      interTokenTarget: 0,
      speculation: 'off',
      isolation: 'process',
      cacheDirectory: '/option',
    });
    expect(settings).toMatchObject({ port: 2, host: 'a', pool: { threads: 4 } });
    expect(settings.pool.cache).toEqual({ directory: '/option', bytes: 2 ** 30 });
    expect(settingsOf(settings.pool, 'b')).toMatchObject({
      contextSize: 2048,
      slots: 2,
      interTokenTarget: 0,
    });
    expect(settingsOf(settings.pool, 'a')).toMatchObject({
      contextSize: 1024,
      slots: 2,
      interTokenTarget: 99,
    });
    expect([isolationOf(settings, 'b'), isolationOf(settings, 'a')]).toEqual(['process', 'thread']);
  });
});

describe('settings written as a file', () => {
  const duration = fc.nat(86_400_000);
  const options = { requiredKeys: [] };
  const id = fc.stringMatching(/^[a-z][\w.:-]{0,9}$/);
  const model = {
    context: fc.integer({ min: 256, max: 1e6 }),
    parallel: fc.integer({ min: 1, max: 256 }),
    batch_size: fc.integer({ min: 16, max: 4096 }),
    inter_token_target: fc.oneof(fc.integer({ min: 10, max: 60_000 }), fc.constant(0)),
    speculation: fc.constantFrom('ngram' as const, 'off' as const),
    pinned: fc.boolean(),
    preload: fc.boolean(),
    idle_timeout: fc.oneof(fc.integer({ min: 1, max: 86_400_000 }), fc.constant(Infinity)),
    resident: fc.oneof(fc.nat(256), fc.constant('auto' as const)),
    cache_memory: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 2 ** 20, max: 2 ** 44 }),
      fc.constant('auto' as const),
    ),
    stable_prompts: fc.record(
      { billing_header: fc.boolean(), clock_time: fc.boolean(), tool_order: fc.boolean() },
      options,
    ),
  };
  const keySource = fc.oneof(
    fc.constant<KeySource>({ kind: 'digest', digest: '0f'.repeat(32) }),
    fc.constant<KeySource>({ kind: 'environment', variable: 'A_KEY' }),
    fc.constant<KeySource>({ kind: 'file', path: '/a file' }),
  );
  const most = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.constant(Infinity));
  const config = fc
    .record(
      {
        host: fc.ipV4(),
        port: fc.nat(65_535),
        model_dirs: fc.constant<string[]>([tmpdir()]),
        isolation: fc.constantFrom('process' as const, 'thread' as const),
        memory: fc.integer({ min: 2 ** 20, max: 2 ** 44 }),
        threads: fc.integer({ min: 1, max: 512 }),
        grace: duration,
        log_level: fc.constantFrom('debug' as const, 'silent' as const),
        admin_key: keySource,
        insecure_no_key: fc.boolean(),
        public_metrics: fc.boolean(),
        allowed_hosts: fc.array(fc.constantFrom('*', 'a.example.com', '[::1]')),
        cors_origins: fc.array(fc.constantFrom('*', 'null', 'https://a.example.com', 'app://heddle')),
        api_keys: fc.dictionary(
          id,
          keySource.chain((key) =>
            fc
              .record({ requests_per_minute: most, concurrent_requests: most }, options)
              .map((own) => ({ key, ...own })),
          ),
        ),
        limits: fc.record(
          {
            body: fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
            depth: fc.integer({ min: 8, max: 1000 }),
            messages: fc.integer({ min: 1, max: 1_000_000 }),
            tools: fc.integer({ min: 1, max: 100_000 }),
            stops: fc.integer({ min: 1, max: 1024 }),
            stop_length: fc.integer({ min: 1, max: 65_536 }),
            requests_per_minute: most,
            concurrent_requests: most,
          },
          options,
        ),
        responses: fc.record(
          {
            stored: fc.integer({ min: 0, max: 1_000_000 }),
            memory: fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
          },
          options,
        ),
        cache: fc.record(
          { directory: fc.constant(tmpdir()), size: fc.integer({ min: 2 ** 20, max: 2 ** 44 }) },
          options,
        ),
        pool: fc.record(
          {
            queue_wait: duration,
            teardown_deadline: fc.integer({ min: 100, max: 86_400_000 }),
            crash_limit: fc.integer({ min: 1, max: 1000 }),
          },
          options,
        ),
        defaults: fc.record(model, options),
        models: fc.dictionary(id, fc.record(model, options)),
      },
      options,
    )
    .chain((file) => {
      const ids = Object.keys(file.models ?? {});
      const aliases = fc.uniqueArray(
        id.filter((alias) => !ids.includes(alias)),
        { maxLength: 3 },
      );
      return aliases.map((names): Config => {
        const [first] = ids;
        if (first === undefined) return file;
        return { ...file, models: { ...file.models, [first]: { ...file.models?.[first], aliases: names } } };
      });
    });

  it('are the same settings when that file is read', () => {
    fc.assert(
      fc.property(config, (written) => {
        const text = settingsText(toSettings(written));
        const { config: read, problems } = parseConfig(text);
        expect(problems).toEqual([]);
        const before = toSettings(written);
        const after = toSettings(read);
        const ids = Object.keys(written.models ?? {});
        expect({ ...after, pool: {}, modelIsolation: {} }).toEqual({
          ...before,
          pool: {},
          modelIsolation: {},
        });
        expect({ ...defaultPolicy, ...after.pool.policy }).toEqual({
          ...defaultPolicy,
          ...before.pool.policy,
        });
        expect(after.pool.cache).toEqual(before.pool.cache);
        expect(after.pool.aliases).toEqual(before.pool.aliases);
        expect([after.pool.threads, after.pool.memoryCeiling]).toEqual([
          before.pool.threads,
          before.pool.memoryCeiling,
        ]);
        for (const each of [...ids, 'another']) {
          expect(settingsOf(after.pool, each)).toEqual(settingsOf(before.pool, each));
          expect(isolationOf(after, each)).toBe(isolationOf(before, each));
        }
        expect(settingsText(after)).toBe(text);
      }),
    );
  });

  it('name every field of the policy', () => {
    expect(Object.keys(policyKeys).toSorted()).toEqual(Object.keys(defaultPolicy).toSorted());
    for (const key of Object.values(policyKeys))
      expect(settingsText(toSettings({}))).toContain(`\n  ${key}: `);
  });
});

describe('settings that are read again', () => {
  const running = toSettings({ port: 1, host: 'a', isolation: 'process', threads: 2, grace: 1 });

  it('are taken over, but for those that need a new start, which are named', () => {
    const read = toSettings({
      port: 2,
      host: 'b',
      isolation: 'thread',
      threads: 4,
      grace: 5,
      limits: { body: 2 ** 20, depth: 9 },
      public_metrics: true,
      memory: 2 ** 30,
      models: { a: { isolation: 'thread', aliases: ['x'] } },
    });
    const { settings, keptKeys } = takeOver(running, read);
    expect(keptKeys).toEqual(['host', 'port', 'isolation', 'threads', 'limits.body']);
    expect(settings.access.limits).toEqual({ ...running.access.limits, depth: 9 });
    expect(settings.access.publicMetrics).toBe(true);
    expect(settings).toMatchObject({ port: 1, host: 'a', isolation: 'process', grace: 5 });
    expect(settings.pool).toMatchObject({ threads: 2, memoryCeiling: 2 ** 30, aliases: { x: 'a' } });
    expect(isolationOf(settings, 'a')).toBe('thread');
  });

  it('that are the same need nothing', () => {
    expect(takeOver(running, running)).toEqual({ settings: running, keptKeys: [] });
  });

  it('do not name threads where none were named at the start', () => {
    const { settings, keptKeys } = takeOver(toSettings({}), toSettings({ threads: 4 }));
    expect(keptKeys).toEqual(['threads']);
    expect(settings.pool).not.toHaveProperty('threads');
  });
});

describe('models that settings name', () => {
  const { pool } = toSettings({ models: { a: {}, b: { aliases: ['x', 'y'] }, c: {} } });

  it('and that are not there are told, with the aliases that miss them', () => {
    expect(unknownModels(pool, ['a'])).toEqual([
      'The configuration names the model b, which is in none of the model folders; requests for x, y will not find it either.',
      'The configuration names the model c, which is in none of the model folders.',
    ]);
  });

  it('and that are there are fine', () => {
    expect(unknownModels(pool, ['a', 'b', 'c', 'd'])).toEqual([]);
  });
});
