import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NvidiaProbe } from './nvidia-probe.js';

const MiB = 2 ** 20;
const uuids = ['GPU-aaaa-1', 'GPU-bbbb-2'] as const;
const twoGpus = [`1, ${uuids[1]}, 24564, 1`, `0, ${uuids[0]}, 81559, 1514`];

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'heddle-smi-'))));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Puts a stand-in for nvidia-smi on PATH that notes how it was called. */
function install({
  gpus,
  apps = [],
  ends = 'exit 0',
}: {
  gpus: string[];
  apps?: string[];
  ends?: string;
}): void {
  const script = [
    '#!/bin/sh',
    `echo "$@" >> '${join(folder, 'calls')}'`,
    'case "$1" in',
    `--query-gpu=index,uuid,memory.total,memory.used) ${print(gpus)} ;;`,
    `--query-compute-apps=gpu_uuid,pid,used_memory) ${print(apps)} ;;`,
    '*) exit 2 ;;',
    'esac',
    ends,
  ];
  writeFileSync(join(folder, 'nvidia-smi'), script.join('\n'));
  chmodSync(join(folder, 'nvidia-smi'), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
}

function print(lines: string[]): string {
  return lines.length === 0 ? ':' : `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`;
}

async function visible(names: string): Promise<readonly string[]> {
  return (await new NvidiaProbe(() => names).gpus()).map(({ id }) => id);
}

describe.skipIf(process.platform === 'win32')('the probe of NVIDIA', () => {
  it('reads what GPUs have, and who uses it', async () => {
    install({
      gpus: twoGpus,
      apps: [
        `${uuids[0]}, 4711, 1000`,
        `${uuids[1]}, 4711, 1`,
        `${uuids[0]}, 12, 500`,
        `${uuids[0]}, 4711, 10`,
      ],
    });
    expect(await new NvidiaProbe(() => undefined).gpus()).toEqual([
      {
        id: uuids[0],
        totalBytes: 81559 * MiB,
        usedBytes: 1514 * MiB,
        processes: new Map([
          [4711, 1010 * MiB],
          [12, 500 * MiB],
        ]),
      },
      { id: uuids[1], totalBytes: 24564 * MiB, usedBytes: MiB, processes: new Map([[4711, MiB]]) },
    ]);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toMatch(
      /--format=csv,noheader,nounits\n.*nounits\n$/,
    );
  });

  it('leaves processes out whose memory is not told', async () => {
    install({
      gpus: twoGpus,
      apps: [`${uuids[0]}, 4711, [N/A]`, `${uuids[0]}, 12, [Insufficient Permissions]`],
    });
    const [gpu] = await new NvidiaProbe(() => undefined).gpus();
    expect(gpu?.processes.size).toBe(0);
  });

  it('sees none where the tool is not there, and looks no more', async () => {
    vi.stubEnv('PATH', folder);
    const probe = new NvidiaProbe(() => undefined);
    expect(await probe.gpus()).toEqual([]);
    install({ gpus: twoGpus });
    expect(await probe.gpus()).toEqual([]);
  });

  it('sees none where the tool says so', async () => {
    install({ gpus: ['No devices were found'] });
    expect(await new NvidiaProbe(() => undefined).gpus()).toEqual([]);
  });

  it.each([
    [
      'says something else',
      { gpus: ['Failed to initialize NVML: Driver/library version mismatch'] },
      /no number/,
    ],
    ['does not tell sizes', { gpus: ['0, GPU-a, [N/A], [N/A]'] }, /no number/],
    ['leaves fields out', { gpus: ['0, GPU-a, 1000'] }, /no number/],
    ['lists processes that make no sense', { gpus: twoGpus, apps: [`${uuids[0]}, me, 5`] }, /no number/],
    ['fails', { gpus: twoGpus, ends: 'exit 9' }, /Command failed/],
  ])('can not tell when the tool %s', async (_, script, why) => {
    install(script);
    await expect(new NvidiaProbe(() => undefined).gpus()).rejects.toThrow(why);
  });

  it('can not tell when the tool hangs, which is ended', async () => {
    install({ gpus: twoGpus, ends: 'exec sleep 60' });
    await expect(new NvidiaProbe(() => undefined).gpus()).rejects.toMatchObject({ killed: true });
  });

  it('sees the GPUs only that engines can use', async () => {
    install({ gpus: twoGpus });
    expect(await visible('1')).toEqual([uuids[1]]);
    expect(await visible('1,0')).toEqual([uuids[1], uuids[0]]);
    expect(await visible('GPU-bb')).toEqual([uuids[1]]);
    expect(await visible('0,-1,1')).toEqual([uuids[0]]);
    expect(await visible('')).toEqual([]);
    await expect(visible('MIG-1234')).rejects.toThrow(/parts of GPUs/);
  });
});
