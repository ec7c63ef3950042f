import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heddle } from './heddle-command.js';
import { ServerProcess } from './server-process.js';

const api = 'sk-api-0123456789abcdef';
const other = 'sk-other-0123456789abcdef';
const admin = 'sk-admin-0123456789abcdef';

let folder: string;
let keys: string;
let config: string;
let server: ServerProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-security-'));
  keys = join(folder, 'keys');
  config = join(folder, 'heddle.yaml');
  writeFileSync(keys, `# keys\nann ${api}\n`);
});

afterEach(async () => {
  const output = server?.output ?? '';
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true });
  for (const key of [api, other, admin]) expect(output).not.toContain(key);
});

/** Runs with more variables in the environment, which what is started then inherits. */
async function having<T>(variables: Record<string, string>, run: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

async function start(...args: string[]): Promise<ServerProcess> {
  server = await ServerProcess.start('--log-level', 'debug', ...args);
  return server;
}

function client({ url }: ServerProcess, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const question = {
  model: 'starter',
  messages: [{ role: 'user' as const, content: 'What is the capital of Japan?' }],
  temperature: 0,
};

describe('the official client of OpenAI', () => {
  it('is let in with a key, and has its own class of error for a wrong one, in streams too', async () => {
    const running = await start('--api-key-file', keys);
    const answer = await client(running, api).chat.completions.create(question);
    expect(answer.choices[0]?.message.content).toBe('The capital of Japan is Tokyo.');
    for (const stream of [false, true]) {
      const asked = client(running, other).chat.completions.create({ ...question, stream });
      const error = await failureOf(asked);
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
      expect((error as AuthenticationError).requestID).toMatch(/^req_/);
      expect((error as Error).message).not.toContain(other);
    }
    expect(await failureOf(Promise.resolve(client(running, other).models.list()))).toBeInstanceOf(
      AuthenticationError,
    );
    expect(running.output).not.toContain('Tokyo');
  });

  it('has its own classes of error for the wrong kind of key, and for too many requests', async () => {
    writeFileSync(
      config,
      `admin_key: ${admin}\napi_keys: { ann: { key: ${api}, requests_per_minute: 1 } }\n`,
    );
    const running = await start('--config', config);
    const ann = client(running, api);
    const error = await failureOf(Promise.resolve(ann.post('/models/starter/load')));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({ code: 'permission_denied' });
    await ann.models.list();
    const refused = await failureOf(Promise.resolve(ann.models.list()));
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused).toMatchObject({ code: 'rate_limited' });
    expect((refused as RateLimitError).headers?.get('retry-after')).toMatch(/^\d+$/);
  });
});

describe('heddle serve', () => {
  it.each(['0.0.0.0', '::'])('does not listen on %s without a key', async (host) => {
    const { code, stdout, stderr } = await heddle('serve', '--port', '0', '--host', host);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`Other machines can reach ${host}, and nobody is asked for an API key.`);
    expect(stderr).toContain('(unprotected_address)');
  });

  it('listens there with a key, or when it is told that none is needed, which it warns of', async () => {
    const keyed = await start('--host', '0.0.0.0', '--api-key-file', keys);
    expect(keyed.output).toContain('authorization: Bearer API_KEY');
    expect(keyed.output).not.toContain('Anybody who can reach');
    const url = keyed.url.replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    await keyed.stop();
    const open = await start('--host', '0.0.0.0', '--insecure-no-key');
    await open.printed('Anybody who can reach this address');
    expect((await fetch(`${open.url.replace('0.0.0.0', '127.0.0.1')}/v1/models`)).status).toBe(200);
  });

  it.each([
    [
      'a key that is too short',
      'HEDDLE_API_KEY',
      'short-one',
      'names HEDDLE_API_KEY, which must be a key of 16',
    ],
    [
      'a file of keys that is not there',
      'HEDDLE_API_KEY_FILE',
      '/no/such/file',
      'which can not be read (ENOENT)',
    ],
    [
      'an admin key that is too short',
      'HEDDLE_ADMIN_KEY',
      'short-one',
      'The admin key names HEDDLE_ADMIN_KEY',
    ],
  ])('does not start with %s', async (_, variable, value, message) => {
    const { code, stderr } = await having({ [variable]: value }, async () => heddle('serve', '--port', '0'));
    expect([code, stderr.includes(message), stderr.includes('short-one')]).toEqual([1, true, false]);
  });

  it('reads its keys again at SIGHUP, and keeps them when they can not be read', async () => {
    const running = await start('--api-key-file', keys);
    const status = async (key: string): Promise<number> =>
      (await fetch(`${running.url}/v1/models`, { headers: { 'x-api-key': key } })).status;
    expect([await status(api), await status(other)]).toEqual([200, 401]);
    writeFileSync(keys, `${other}\n`);
    running.signal('SIGHUP');
    await running.printed('looked for models again');
    expect([await status(api), await status(other)]).toEqual([401, 200]);
    writeFileSync(keys, `${api}\nshort\n`);
    running.signal('SIGHUP');
    await running.printed('The settings stay as they are.');
    expect(running.output).toContain('line 2 must be a key');
    expect([await status(api), await status(other)]).toEqual([401, 200]);
  });
});

describe('commands', () => {
  it('send the key that they are told, or that of the environment', async () => {
    const running = await having({ HEDDLE_API_KEY: api, HEDDLE_ADMIN_KEY: admin }, async () => start());
    const url = ['--url', running.url];
    const without = await heddle('ps', ...url);
    expect([without.code, without.stderr.includes('(invalid_api_key)')]).toEqual([1, true]);
    const wrongKind = await heddle('load', 'starter', ...url, '--api-key', api);
    expect([wrongKind.code, wrongKind.stderr.includes('(permission_denied)')]).toEqual([1, true]);
    expect((await heddle('load', 'starter', ...url, '--api-key', admin)).stdout).toBe('starter is loaded.\n');
    await having({ HEDDLE_API_KEY: api, HEDDLE_ADMIN_KEY: admin }, async () => {
      expect((await heddle('ps', ...url)).stdout).toContain('starter');
      expect((await heddle('cache', 'stats', ...url, '--model', 'starter')).stdout).toContain('starter');
      expect((await heddle('cache', 'clear', ...url)).stdout).toContain('starter: removed');
      expect((await heddle('unload', 'starter', ...url)).stdout).toBe('starter is unloaded.\n');
    });
  });

  it('measure a server that asks for a key', async () => {
    const running = await start('--api-key-file', keys);
    const few = [
      '--workload',
      'steady',
      '--rounds',
      '1',
      '--warm-up',
      '0',
      '--requests',
      '2',
      '--concurrency',
      '1',
    ];
    const sizes = ['--prompt-tokens', '20', '--output-tokens', '4'];
    const bench = ['bench', '--url', running.url, ...few, ...sizes];
    const without = await heddle(...bench);
    expect(without.code).toBe(1);
    const measured = await having({ HEDDLE_API_KEY: api }, async () => heddle(...bench));
    expect([measured.code, measured.stderr.includes(api), measured.stdout.includes(api)]).toEqual([
      0,
      false,
      false,
    ]);
  });

  it('that check a configuration show keys as digests, and what they show is a configuration again', async () => {
    writeFileSync(config, `api_keys: { ann: ${api}, env: "env:NOT_THERE" }\nadmin_key: file:keys\n`);
    const { code, stdout } = await heddle('config', 'check', config);
    expect(code).toBe(0);
    expect(stdout).toContain(`key: sha256:${createHash('sha256').update(api).digest('hex')}\n`);
    expect(stdout).toContain('key: env:NOT_THERE\n');
    expect(stdout).toContain(`admin_key: file:${keys}\n`);
    expect(stdout).not.toContain(api);
    writeFileSync(config, stdout);
    expect((await heddle('config', 'check', config)).stdout).toBe(stdout);
  });
});
