import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '../config/settings.js';
import { silentLogger, type Logger } from '../core/logger.js';
import { ServerSettings } from './server-settings.js';

let folder: string;
let file: string;
let logged: { level: string; message: string }[];
let log: Logger;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-settings-'));
  file = join(folder, 'heddle.yaml');
  logged = [];
  log = {
    ...silentLogger,
    warn: (_, message) => logged.push({ level: 'warn', message }),
    error: (_, message) => logged.push({ level: 'error', message }),
  };
});

afterEach(() => rmSync(folder, { recursive: true }));

async function never(): Promise<void> {
  await Promise.resolve();
  expect.unreachable();
}

function keep(applied: Settings[]): (settings: Settings) => Promise<void> {
  return async (settings) => {
    await Promise.resolve();
    applied.push(settings);
  };
}

describe('settings of a server', () => {
  it('are not read when the file has errors', async () => {
    writeFileSync(file, 'prot: 1');
    await expect(ServerSettings.read(file, {})).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('are read again, and the command line still goes before the file', async () => {
    writeFileSync(file, 'grace: 1s\nlog_level: info');
    const settings = await ServerSettings.read(file, { grace: 7 });
    writeFileSync(file, 'grace: 2s\nlog_level: debug\nmodels: { a: { aliases: [x] } }');
    const applied: Settings[] = [];
    await settings.reload(keep(applied), log);
    expect(applied).toEqual([settings.current]);
    expect(settings.current).toMatchObject({ grace: 7, logLevel: 'debug', pool: { aliases: { x: 'a' } } });
    expect(logged).toEqual([]);
  });

  it('stay as they are when the file has errors by now, and the log says where', async () => {
    writeFileSync(file, 'grace: 1s');
    const settings = await ServerSettings.read(file, {});
    const before = settings.current;
    writeFileSync(file, '\ngrace: 1');
    await settings.reload(never, log);
    rmSync(file);
    await settings.reload(never, log);
    expect(settings.current).toBe(before);
    expect(logged.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(logged[0]?.message).toContain(`${file}:2:8: grace must have a unit`);
    expect(logged[1]?.message).toContain('there is no such file');
  });

  it('that only a new start can change are named', async () => {
    writeFileSync(file, 'port: 1');
    const settings = await ServerSettings.read(file, {});
    writeFileSync(file, 'port: 2\nhost: ::1');
    await settings.reload(async () => {}, log);
    expect(settings.current).toMatchObject({ port: 1, host: '127.0.0.1' });
    expect(logged).toEqual([
      { level: 'warn', message: 'Changes of host, port need a new start of the server.' },
    ]);
  });

  it('are read once for each call, one after the other, and a failure in between keeps none from it', async () => {
    writeFileSync(file, 'grace: 1s');
    const settings = await ServerSettings.read(file, {});
    let atOnce = 0;
    let most = 0;
    let calls = 0;
    const apply = async (): Promise<void> => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      if (++calls === 2) throw new Error('not this time');
    };
    await Promise.all(Array.from({ length: 5 }, async () => settings.reload(apply, log)));
    expect([calls, most, atOnce]).toEqual([5, 1, 0]);
    expect(logged).toHaveLength(1);
  });

  it('look for keys only if they are asked to', async () => {
    writeFileSync(file, 'api_keys: { ann: env:HEDDLE_TEST_NOT_THERE }\nhost: 0.0.0.0');
    expect((await ServerSettings.read(file, {})).access.keys).toEqual([]);
    await expect(ServerSettings.read(file, {}, { keys: true })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('HEDDLE_TEST_NOT_THERE') as string,
    });
  });

  it('with other keys are taken over, but not if others could then reach the server without one', async () => {
    const names = (settings: ServerSettings): string[] => settings.access.keys.map(({ name }) => name);
    writeFileSync(file, 'api_keys: { ann: ann-0123456789abcdef }\nhost: 0.0.0.0');
    const settings = await ServerSettings.read(file, {}, { keys: true });
    expect(names(settings)).toEqual(['ann']);
    writeFileSync(file, 'api_keys: { bob: bob-0123456789abcdef }\nhost: 0.0.0.0\npublic_metrics: true');
    await settings.reload(async () => {}, log);
    expect([names(settings), settings.access.publicMetrics, logged]).toEqual([['bob'], true, []]);
    for (const text of ['host: 127.0.0.1', 'host: 0.0.0.0', 'admin_key: adm-0123456789abcdef']) {
      writeFileSync(file, text);
      await settings.reload(never, log);
    }
    expect([names(settings), settings.access.publicMetrics]).toEqual([['bob'], true]);
    expect(settings.current.access.apiKeys.map(({ name }) => name)).toEqual(['bob']);
    expect(logged.map(({ message }) => message)).toEqual(
      Array(3).fill(expect.stringContaining('Other machines can reach 0.0.0.0')),
    );
  });

  it('that can not be listened with are not read', async () => {
    writeFileSync(file, 'host: 0.0.0.0');
    await expect(ServerSettings.read(file, {}, { keys: true })).rejects.toMatchObject({
      code: 'unprotected_address',
    });
    const { current } = await ServerSettings.read(file, { insecureNoKey: true }, { keys: true });
    expect(current.access.insecureNoKey).toBe(true);
  });

  it('without a file are the command line, however often they are read', async () => {
    const settings = await ServerSettings.read(undefined, { port: 3 });
    const before = settings.current;
    await settings.reload(async () => {}, log);
    expect(settings.current).toEqual(before);
    expect(settings.current.port).toBe(3);
  });
});
