import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OpenAiStandIn, sendEvent } from '../../src/testing/openai-stand-in.js';
import { heddle, HeddleCommand } from './heddle-command.js';
import { gone } from './processes.js';
import { ServerProcess } from './server-process.js';

/** Sizes at which a workload takes the embedded model part of a second. */
const small = (
  '--rounds 2 --warm-up 1 --concurrency 2 --requests 4 --sessions 3 --turns 2 --prompt-tokens 16 ' +
  '--system-tokens 64 --long-tokens 300 --output-tokens 8 --stream-tokens 24 --kv-tokens 512'
).split(' ');

interface Report {
  readonly interrupted: boolean;
  readonly servers: {
    readonly url: string;
    readonly model: string;
    readonly calibration: { readonly templateTokens: number };
  }[];
  readonly workloads: {
    readonly name: string;
    readonly servers: {
      readonly groups: {
        readonly group: string;
        readonly requests: number;
        readonly completionTokens: number;
        readonly failures: { readonly kind: string; readonly count: number }[];
      }[];
      readonly findings: { readonly name: string; readonly value: { readonly median: number } }[];
      readonly problems: string[];
      readonly requests: {
        readonly sent: number;
        readonly arrivals: number[];
        readonly ended: number;
        readonly promptTokens: number;
      }[];
    }[];
    readonly comparison?: { readonly group: string; readonly ratios: object }[];
  }[];
}

let folder: string;
let server: ServerProcess;
const standIns: OpenAiStandIn[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
  server = await ServerProcess.start('--threads', '1');
});

afterEach(async () => {
  for (const started of standIns.splice(0)) await started.stop();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function standIn(...options: Parameters<typeof OpenAiStandIn.start>): Promise<OpenAiStandIn> {
  const started = await OpenAiStandIn.start(...options);
  standIns.push(started);
  return started;
}

function read(name: string): Report {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report;
}

async function bench(...args: string[]) {
  return heddle('bench', ...small, ...args);
}

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, 'close');
  return port;
}

/** Resolves when the server has answered so many requests. */
async function served({ url }: ServerProcess, count: number): Promise<void> {
  for (let answered = 0; answered < count;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const counters = metrics.matchAll(/^vllm:request_success_total\{.*\} (\d+)$/gm);
    answered = [...counters].reduce((sum, [, value]) => sum + Number(value), 0);
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

describe('heddle bench', () => {
  it('runs every workload against a server, and writes its figures down', async () => {
    const workloads = ['steady', 'agent', 'intruder', 'fan-out', 'overcommit', 'cancel', 'duo'];
    const json = join(folder, 'all.json');
    const { code, stdout, stderr } = await bench(
      '--url',
      server.url,
      '--workload',
      ...workloads,
      '--seed',
      'seed',
      '--json',
      json,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = read('all.json');
    expect(report.servers).toMatchObject([
      { url: server.url, model: 'starter', secondModel: 'starter-draft', calibration: { measured: true } },
    ]);
    expect(report.workloads.map(({ name }) => name)).toEqual(workloads);
    for (const { name, servers } of report.workloads) {
      expect(stdout).toContain(`\n${name}: `);
      expect(servers[0]?.problems).toEqual([]);
      for (const { group, requests, failures } of servers[0]?.groups ?? []) {
        expect(requests).toBeGreaterThan(0);
        expect(failures).toEqual([]);
        expect(stdout).toContain(`\n${group} `);
      }
      for (const { sent, arrivals, ended } of servers[0]?.requests ?? []) {
        expect(sent).toBeGreaterThanOrEqual(0);
        expect([0, ...arrivals, ended]).toEqual([0, ...arrivals, ended].toSorted((a, b) => a - b));
      }
    }
    const steady = report.workloads[0]?.servers[0];
    expect(steady?.groups).toMatchObject([{ requests: 8, completionTokens: 64 }]);
    const tokens = steady?.requests.map(({ promptTokens }) => promptTokens) ?? [];
    const mean = tokens.reduce((sum, count) => sum + count, 0) / tokens.length;
    const template = report.servers[0]?.calibration.templateTokens ?? NaN;
    expect(Math.abs(mean - template - 16)).toBeLessThan(4);
    const overcommit = report.workloads[4]?.servers[0]?.findings;
    expect(overcommit?.find(({ name }) => name.startsWith('texts that agree'))?.value.median).toEqual(
      expect.any(Number),
    );
  });

  it('compares two servers in turn, with ratios', async () => {
    const other = await ServerProcess.start('--threads', '1');
    try {
      const args = ['--url', server.url, '--compare', `${other.url}/v1`, '--workload', 'steady', 'agent'];
      const { code, stdout } = await bench(...args, '--json', join(folder, 'compare.json'));
      expect(code).toBe(0);
      expect(stdout).toContain(`A: ${server.url}, starter`);
      expect(stdout).toContain(`B: ${other.url}, starter`);
      expect(stdout).toMatch(
        /turn 2, A .*\nturn 2, B .*\n {2}B \/ A, of the rounds +[\d.]+ +[\d.]+ to [\d.]+/,
      );
      const { workloads } = read('compare.json');
      expect(workloads.map(({ comparison }) => comparison?.map(({ group }) => group))).toEqual([
        ['requests'],
        ['turn 1', 'turn 2'],
      ]);
      for (const { servers } of workloads)
        expect(servers[0]?.requests.length).toBe(servers[1]?.requests.length);
    } finally {
      await other.stop();
    }
  });

  it.skipIf(process.platform === 'win32')(
    'measures a server before and after it is killed and started again',
    async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const pid = join(folder, 'pid');
      const script = join(folder, 'restart.sh');
      // Called for the first time, it only starts the server.
      writeFileSync(
        script,
        `set -e
      if [ -e '${pid}' ]; then
        kill -9 "$(cat '${pid}')"
        echo killed >>'${folder}/log'
      fi
      '${process.execPath}' '${join(process.cwd(), 'dist', 'cli', 'main.js')}' serve --threads 1 --port ${port} >/dev/null 2>&1 &
      echo $! >'${pid}'
      `,
      );
      const start = ['--restart-command', `sh '${script}'`];
      try {
        execFileSync('sh', [script]);
        while (!(await answers(url))) await new Promise((resolve) => setTimeout(resolve, 20));
        const json = join(folder, 'restart.json');
        // Without the cache, so that the same rows are computed together, and texts agree to the last digit.
        const options = [...start, '--json', json, '--body', '{"cache_prompt":false}'];
        const { code, stdout } = await bench('--url', url, '--workload', 'restart', ...options);
        expect(code).toBe(0);
        expect(stdout).toContain('TTFT after / before the restart: ');
        expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('killed\nkilled\n');
        const result = read('restart.json').workloads[0]?.servers[0];
        expect(result?.groups).toMatchObject([
          { group: 'before', requests: 4, failures: [] },
          { group: 'after', requests: 4, failures: [] },
        ]);
        expect(result?.findings.find(({ name }) => name === 'texts that agree, of 2')?.value.median).toBe(2);
      } finally {
        const processId = Number(readFileSync(pid, 'utf8'));
        process.kill(processId, 'SIGTERM');
        await gone(processId);
      }
    },
  );
});

describe('failures', () => {
  /** Requests of `steady` that come before those that are counted: five that calibrate, and one to warm up. */
  const uncounted = 6;

  it('are counted by kind, and the status tells of them', async () => {
    const piece = { choices: [{ delta: { content: 'word ' } }] };
    const { url } = await standIn({
      instead: (response, { number }) => {
        const failures = [
          () => response.writeHead(500).end('{"error":{"message":"Out of luck.","code":"unlucky"}}'),
          () => sendEvent(response, piece), // and then nothing
          () => response.end('data: garbage\n\n'),
          () => response.end(`data: ${JSON.stringify(piece)}\n\n`),
          () => {
            sendEvent(response, piece);
            setImmediate(() => response.socket?.resetAndDestroy());
          },
          () => response.end(`data: {"error":{"code":"engine_crashed","message":"It is lost."}}\n\n`),
        ];
        failures[number - uncounted]?.();
        return number >= uncounted && number < uncounted + failures.length;
      },
    });
    const json = join(folder, 'failures.json');
    const { code, stdout, stderr } = await bench('--url', url, '--timeout', '1', '--json', json);
    expect(code).toBe(1);
    expect(stderr).toBe('heddle: 6 of 8 requests failed; see above. (bench_failed)\n');
    expect(stdout).toMatch(/\nrequests +8 +6 /);
    expect(stdout).toContain('failed, requests: 1 times http 500 unlucky: Out of luck.\n');
    const [group] = read('failures.json').workloads[0]?.servers[0]?.groups ?? [];
    expect(group?.failures.map(({ kind, count }) => `${count} ${kind}`).toSorted()).toEqual([
      '1 http 500 unlucky',
      '1 malformed',
      '1 reset',
      '1 stream engine_crashed',
      '1 timeout',
      '1 truncated',
    ]);
  });

  it('of a server that is killed in the middle are figures, and later workloads are run', async () => {
    const victim = await ServerProcess.start('--threads', '1');
    const json = join(folder, 'killed.json');
    const more = ['--requests', '400', '--rounds', '1', '--workload', 'steady', 'agent', '--json', json];
    const command = new HeddleCommand('bench', ...small, '--url', victim.url, ...more);
    try {
      await served(victim, 20);
    } finally {
      victim.signal('SIGKILL');
      await victim.exited();
    }
    const { code, stdout } = await command.ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/failed, requests: \d+ times connect: /);
    const [steady, agent] = read('killed.json').workloads;
    const [group] = steady?.servers[0]?.groups ?? [];
    const failed = group?.failures.reduce((sum, { count }) => sum + count, 0) ?? 0;
    expect(group?.requests).toBe(400);
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThan(400);
    expect(agent?.servers[0]?.groups).toMatchObject([
      { group: 'turn 1', requests: 3, failures: [{ kind: 'connect', count: 3 }] },
    ]);
  });

  it('of the server before anything is measured are told in a line', async () => {
    const nobody = await bench('--url', 'http://127.0.0.1:1');
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toBe('heddle: No server answers at http://127.0.0.1:1. (server_unreachable)\n');
    const { url } = await standIn({ instead: (response) => !!response.writeHead(404).end('nothing here') });
    expect((await bench('--url', url)).stderr).toBe(
      `heddle: ${url} does not answer as it should: nothing here (http 404) (bench_failed)\n`,
    );
  });

  it('of whoever asks are told before anything is sent', async () => {
    const { url, asked } = await standIn();
    const mistakes: [string, ...string[]][] = [
      ['is no http or https URL', '--url', 'localhost:8000'],
      ['can not be written', '--json', '/no/such/folder/figures.json'],
      ['Allowed choices are steady, agent', '--workload', 'nope'],
      ['needs to know how the server is restarted', '--workload', 'restart'],
      ['must be a JSON object', '--body', '[]'],
      ['whole number from 1 to 1000', '--rounds', '0'],
    ];
    for (const [message, ...args] of mistakes) {
      const { code, stderr } = await bench('--url', url, ...args);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) as string });
    }
    expect(asked).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  it('prints what was measured until then, and ends with 130', async () => {
    let hangs: (() => void) | undefined;
    const hanging = new Promise<void>((resolve) => (hangs = resolve));
    const { url } = await standIn({
      instead: (response, { number }) => {
        if (number < 12) return false;
        sendEvent(response, { choices: [{ delta: { content: 'word ' } }] });
        hangs?.();
        return true;
      },
    });
    const json = join(folder, 'interrupted.json');
    const command = new HeddleCommand('bench', ...small, '--url', url, '--json', json);
    await hanging;
    command.signal('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(stdout).toContain('Interrupted: only what was measured until then is above.\n');
    expect(stdout).toMatch(/\nrequests +[56] +0 /);
    expect(read('interrupted.json')).toMatchObject({ interrupted: true, workloads: [{ name: 'steady' }] });
  });

  it('before anything is measured says so', async () => {
    let asks: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => (asks = resolve));
    const { url } = await standIn({ instead: () => (asks?.(), true) });
    const command = new HeddleCommand('bench', '--url', url);
    await asked;
    command.signal('SIGINT');
    expect(await command.ended).toEqual({
      code: 130,
      stdout: '',
      stderr: 'heddle: Interrupted before anything was measured.\n',
    });
  });
});
