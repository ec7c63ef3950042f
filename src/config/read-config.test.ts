import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig, readConfig } from './read-config.js';

/** Problems as `line:column message`. */
function problemsOf(...lines: string[]): string[] {
  return parseConfig(lines.join('\n')).problems.map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  );
}

describe('a configuration file', () => {
  it('is read with its units', () => {
    const { config, problems } = parseConfig(`
host: 0.0.0.0
port: 8484
isolation: thread
memory: 24GiB
threads: 8
grace: 10s
log_level: info
pool: { queue_wait: 1m, crash_limit: 5 }
defaults: { context: 8192, idle_timeout: 30m }
models:
  qwen3-8b:
    context: 32768
    pinned: true
    idle_timeout: never
    isolation: process
    aliases: [gpt-4o, "4"]
`);
    expect(problems).toEqual([]);
    expect(config).toEqual({
      host: '0.0.0.0',
      port: 8484,
      isolation: 'thread',
      memory: 24 * 2 ** 30,
      threads: 8,
      grace: 10_000,
      log_level: 'info',
      pool: { queue_wait: 60_000, crash_limit: 5 },
      defaults: { context: 8192, idle_timeout: 1_800_000 },
      models: {
        'qwen3-8b': {
          context: 32768,
          pinned: true,
          idle_timeout: Infinity,
          isolation: 'process',
          aliases: ['gpt-4o', '4'],
        },
      },
    });
  });

  it.each([
    ['an empty file', ''],
    ['comments', '# port: 1\n'],
    ['sections with nothing in them', 'models:\n#  a: {}\ncache:\npool:\ndefaults:\n'],
  ])('may be %s', (_, text) => {
    const { config, problems } = parseConfig(text);
    expect(problems).toEqual([]);
    expect(config).toEqual(
      text.startsWith('models') ? { models: {}, cache: {}, pool: {}, defaults: {} } : {},
    );
  });

  it('may have a section of rules with nothing in it', () => {
    const text = 'models: { a: { stable_prompts: } }\ndefaults:\n  stable_prompts:\n';
    const rules = { stable_prompts: {} };
    expect(parseConfig(text)).toMatchObject({
      problems: [],
      config: { models: { a: rules }, defaults: rules },
    });
  });

  it('may name a model without saying more, and reuse an anchor', () => {
    const { config } = parseConfig('models:\n  a:\n  b: &big { context: 32768 }\n  c: *big\n');
    expect(config.models).toEqual({ a: {}, b: { context: 32768 }, c: { context: 32768 } });
  });
});

describe('an error', () => {
  it.each([
    ['an unknown key', 'port: 1\nprot: 2', '2:1 prot is no key; did you mean "port"?'],
    [
      'an unknown key of a model',
      'models:\n  a:\n    idle_timout: 5s',
      '3:5 models.a.idle_timout is no key; did you mean "idle_timeout"?',
    ],
    [
      'an unknown rule',
      'defaults: { stable_prompts: { clock_tme: true } }',
      '1:31 defaults.stable_prompts.clock_tme is no key; did you mean "clock_time"?',
    ],
    [
      'an unknown rule of a model',
      'models:\n  a:\n    stable_prompts: { tool_kes: true }',
      '3:23 models.a.stable_prompts.tool_kes is no key; did you mean "tool_keys"?',
    ],
    [
      'a rule in the wrong place',
      'defaults: { clock_time: true }',
      '1:13 defaults.clock_time is no key here; it belongs to "stable_prompts"',
    ],
    ['a key in the wrong place', 'queue_wait: 5s', '1:1 queue_wait is no key here; it belongs to "pool"'],
    [
      'a key like no other',
      'pool:\n  speed: 9',
      '2:3 pool.speed is no key; there are queue_wait, group_wait, max_queue, minimum_residency, stall_deadline, teardown_deadline, settle_deadline, leak_deadline, memory_interval, crash_limit, steady_after, first_retry, last_retry',
    ],
    ['text for a number', 'port: "80"', '1:7 port must be a whole number, not "80"'],
    ['a fraction', 'threads: 1.5', '1:10 threads must be a whole number, not 1.5'],
    ['too little', 'threads: 0', '1:10 threads must be at least 1, not 0'],
    ['too much', 'port: 65536', '1:7 port must be at most 65535, not 65536'],
    ['far too much', 'port: 1e20', '1:7 port must be at most 65535, not 100000000000000000000'],
    ['a number for text', 'host: 7', '1:7 host must be text, not 7; write it in quotes'],
    ['no text', 'host: ""', '1:7 host must not be empty'],
    ['text for a list', 'model_dirs: ~/models', '1:13 model_dirs must be a list, not "~/models"'],
    [
      'a home folder that YAML takes for nothing',
      'model_dirs: [~]',
      '1:14 model_dirs[0] has no value; a ~ alone must be in quotes',
    ],
    ['an empty list', 'model_dirs: []', '1:13 model_dirs must have an entry'],
    ['a list for keys', 'models: [a]', '1:9 models must be keys with values, not a list'],
    ['text for keys', 'pool: fast', '1:7 pool must be keys with values, not "fast"'],
    ['no value', 'port:\nhost: a', '1:1 port has no value'],
    ['no value with a unit', 'host: a\nmemory:', '2:1 memory has no value'],
    [
      'a word for a switch',
      'defaults: { pinned: yes }',
      '1:21 defaults.pinned must be true or false, not "yes"',
    ],
    ['another word', 'isolation: forked', '1:12 isolation must be process or thread, not "forked"'],
    ['a time without a unit', 'grace: 10', '1:8 grace must have a unit: 10s, 10m or 10ms'],
    [
      'memory in two meanings',
      'memory: 24G',
      '1:9 memory must say which unit: 24GiB, of powers of 1024, or 24GB, of powers of 1000',
    ],
    ['little memory', 'memory: 5B', '1:9 memory must be at least 1MiB'],
    ['a long time', 'pool: { queue_wait: 30d }', '1:21 pool.queue_wait must be from 0s to 24d'],
    [
      'no time to tear down',
      'pool: { teardown_deadline: 1ms }',
      '1:28 pool.teardown_deadline must be from 100ms to 24d',
    ],
    [
      'a context that is no context',
      'defaults: { context: 100 }',
      "1:22 defaults.context must be 0, for the model's own, or at least 256",
    ],
    [
      'an idle time of nothing',
      'defaults: { idle_timeout: 0 }',
      '1:27 defaults.idle_timeout must be from 1ms to 24d, or "never"',
    ],
    [
      'a target that nobody can meet',
      'defaults: { inter_token_target: 1ms }',
      '1:33 defaults.inter_token_target must be from 10ms to 1m, or "none"',
    ],
    [
      'residents that are no number',
      'defaults: { resident: many }',
      '1:23 defaults.resident must be a whole number from 0 to 256, not "many"; or "auto"',
    ],
    [
      'too little memory for prompts',
      'models: { a: { cache_memory: 3KiB } }',
      '1:30 models.a.cache_memory must be 0, for none, or at least 1MiB; or "auto"',
    ],
    [
      'memory without a unit',
      'defaults: { cache_memory: 3 }',
      '1:27 defaults.cache_memory must have a unit: 3GiB or 3MiB; or "auto"',
    ],
    [
      'a misspelt key of the cache',
      'cache: { directry: x }',
      '1:10 cache.directry is no key; did you mean "directory"?',
    ],
    ['a list as the file', '- a', '1:1 the file must be keys with values, not a list'],
    ['a model without a name', 'models: { "": {} }', '1:11 models."" must not be empty'],
  ])('of %s is told with its place', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it.each([
    [
      'an alias of two models',
      ['a: { aliases: [x] }', 'b: { aliases: [x] }'],
      '3:18',
      'models.b.aliases[0] is an alias of a already',
    ],
    ['an alias twice', ['a: { aliases: [x, x] }'], '2:21', 'models.a.aliases[1] is an alias of a already'],
    [
      'an alias that is the model',
      ['a: { aliases: [a] }'],
      '2:18',
      'models.a.aliases[0] is the id of the model itself',
    ],
    [
      'an alias of an alias',
      ['a: { aliases: [b] }', 'b: { aliases: [c] }'],
      '3:18',
      'models.b.aliases[0] is an alias of b, which is an alias of a itself; an alias names a model by its id',
    ],
  ])('of %s is told with its place', (_, models, place, message) => {
    expect(problemsOf('models:', ...models.map((line) => `  ${line}`))).toEqual([`${place} ${message}`]);
  });

  it('of a circle of aliases is told at each of them', () => {
    const problems = problemsOf('models:', '  a: { aliases: [b] }', '  b: { aliases: [a] }');
    expect(problems.map((problem) => problem.slice(0, 4))).toEqual(['2:18', '3:18']);
  });

  it('of YAML is told with its place', () => {
    expect(problemsOf('port: 1', 'pool: {')).toEqual([expect.stringMatching(/^2:\d+ /) as string]);
    expect(problemsOf('pool:', '\tqueue_wait: 1s')[0]).toMatch(/^2:1 Tabs are not allowed/);
    expect(problemsOf('port: 1', 'port: 2')).toEqual(['2:1 this key is there twice']);
    expect(problemsOf('host: *here')).toEqual([
      '1:7 there is no anchor &here; text that begins with * must be in quotes',
    ]);
    expect(problemsOf('host: !mine a')).toEqual(['1:7 Unresolved tag: !mine']);
    expect(problemsOf('port: 1', '---', 'port: 2')[0]).toMatch(/^2:1 /);
  });

  it('of a name that YAML takes for a number is told', () => {
    expect(problemsOf('models:', '  1.0: {}')).toEqual([
      '2:3 the key 1.0 must be in quotes: to YAML it is no text',
    ]);
    expect(problemsOf('models:', '  __proto__: {}')).toEqual(['2:3 this key is not possible']);
  });

  it('is told together with all others, in the order of the file', () => {
    const problems = problemsOf(
      'models:',
      '  a: { aliases: [x, x], context: 5 }',
      '  7: {}',
      'port: many',
      'port: 80',
      'grace: 5',
      'speed: high',
    );
    expect(problems.map((problem) => problem.split(' ', 2).join(' '))).toEqual([
      '2:21 models.a.aliases[1]',
      '2:34 models.a.context',
      '3:3 the',
      '5:1 this',
      '6:8 grace',
      '7:1 speed',
    ]);
  });

  it('that repeats itself without end is no endless work', () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x, x]'
        : `a${level}: &a${level} [${Array(9)
            .fill(`*a${level - 1}`)
            .join(', ')}]`,
    );
    expect(problemsOf(...levels)).toEqual([expect.stringContaining('alias') as string]);
  });
});

describe('reading a file', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'heddle-config-'));
    file = join(folder, 'heddle.yaml');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes folders absolute, relative to the file and to the home folder', async () => {
    mkdirSync(join(folder, 'models'));
    writeFileSync(file, `model_dirs: [models, ./models/, "~", ${folder}]`);
    const { model_dirs: directories } = await readConfig(file);
    expect(directories).toEqual([join(folder, 'models'), join(folder, 'models'), homedir(), folder]);
  });

  it('tells of folders that are not there, whatever else is wrong', async () => {
    writeFileSync(file, 'prot: 1\nmodel_dirs:\n  - .\n  - nowhere\n');
    await expect(readConfig(file)).rejects.toMatchObject({
      code: 'config_invalid',
      message: [
        `The configuration file ${file} has 2 errors:`,
        `  ${file}:1:1: prot is no key; did you mean "port"?`,
        `  ${file}:4:5: model_dirs[1] there is no folder ${join(folder, 'nowhere')}`,
      ].join('\n'),
    });
  });

  it('makes the folder of the cache absolute, which need not be there, but must be no file', async () => {
    writeFileSync(file, 'cache: { directory: ./prompts, size: 1GiB }');
    expect(await readConfig(file)).toEqual({ cache: { directory: join(folder, 'prompts'), size: 2 ** 30 } });
    writeFileSync(file, 'cache: { directory: heddle.yaml }');
    await expect(readConfig(file)).rejects.toMatchObject({
      message: expect.stringContaining(`:1:21: cache.directory ${file} is no folder`) as string,
    });
  });

  it('tells that the file is not there, or is a folder', async () => {
    await expect(readConfig(file)).rejects.toMatchObject({
      code: 'config_invalid',
      message: `The configuration file ${file} can not be read: there is no such file.`,
    });
    await expect(readConfig(folder)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('it is a folder') as string,
    });
  });
});

describe('keys in a configuration file', () => {
  const key = 'sk-0123456789abcdef';

  it('are digests once they were read, and files of keys are found beside the file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-keys-'));
    try {
      const file = join(folder, 'heddle.yaml');
      writeFileSync(
        file,
        `admin_key: file:~/admin\napi_keys:\n  ann: ${key}\n  ci: { key: "file:keys/ci", requests_per_minute: 3 }\n`,
      );
      const config = await readConfig(file);
      expect(config.admin_key).toEqual({ kind: 'file', path: join(homedir(), 'admin') });
      expect(config.api_keys?.['ann']?.key).toMatchObject({ kind: 'digest' });
      expect(config.api_keys?.['ci']).toEqual({
        key: { kind: 'file', path: join(folder, 'keys', 'ci') },
        requests_per_minute: 3,
      });
      expect(JSON.stringify(config)).not.toContain(key);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [`api_keys: ${key}`, '1:11 api_keys must be names with their keys'],
    [`api_keys: [${key}]`, '1:11 api_keys must be names with their keys'],
    ['api_keys: { ann: 1234567890123456 }', '1:18 api_keys.ann.key must be text; write it in quotes'],
    [`api_keys: { ann: "${key} " }`, '1:18 api_keys.ann.key must be a key of 16 to 512 characters'],
    ['api_keys: { ann: }', '1:13 api_keys.ann.key has no value'],
    ['api_keys: { ann: { requests_per_minute: 5 } }', '1:18 api_keys.ann.key must be text'],
    [`api_keys: { ann: { kye: ${key} } }`, '1:18 api_keys.ann.key must be text'],
    ['admin_key: { a: 1 }', '1:12 admin_key must be text'],
    [
      `api_keys: { ann: { key: ${key}, requests_per_minute: 0 } }`,
      'api_keys.ann.requests_per_minute must be a whole number from 1 to 1000000, or "none", not 0',
    ],
    ['limits: { depth: 2000 }', '1:18 limits.depth must be at most 1000, not 2000'],
    ['limits: { mesages: 5 }', '1:11 limits.mesages is no key; did you mean "messages"?'],
    ['stops: 5', '1:1 stops is no key here; it belongs to "limits"'],
    ['allowed_hosts: ["http://a"]', 'allowed_hosts[0] must be a host without scheme, port or path, or "*"'],
    ['cors_origins: [a.example.com]', 'cors_origins[0] must be an origin such as https://app.example.com'],
    ['cors_origins: ["https://a/b"]', 'cors_origins[0] must be an origin such as https://app.example.com'],
  ])('%s is refused with its place, and no key is shown', (text, problem) => {
    const problems = problemsOf(text);
    expect(problems.join('\n')).toContain(problem);
    expect(problems.join('\n')).not.toContain(key);
    expect(problems.join('\n')).not.toContain('1234567890123456');
  });

  it('may be a section with nothing in it', () => {
    expect(problemsOf('api_keys:\nlimits:\n')).toEqual([]);
  });
});
