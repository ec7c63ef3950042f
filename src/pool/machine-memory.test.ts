import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultCeiling, readMachineMemory } from './machine-memory.js';

const GiB = 2 ** 30;
const totalBytes = 64 * GiB;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A machine of 64 GiB with these control groups. */
function read(groups: string, files: Record<string, string>): number | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-cgroup-'));
  folders.push(folder);
  const groupList = join(folder, 'self-cgroup');
  writeFileSync(groupList, groups);
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, 'fs', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const memory = readMachineMemory({ totalBytes, cgroupRoot: join(folder, 'fs'), groupList });
  expect(memory.totalBytes).toBe(totalBytes);
  return memory.cgroupLimitBytes;
}

describe('the limit of control groups', () => {
  it('is read in version 2, where a container is the root of what it sees', () => {
    expect(read('0::/\n', { 'memory.max': `${4 * GiB}\n` })).toBe(4 * GiB);
  });

  it('is absent where version 2 says max, and on a machine without control groups', () => {
    expect(read('0::/\n', { 'memory.max': 'max\n' })).toBeUndefined();
    expect(read('', {})).toBeUndefined();
  });

  it('is the least one of the group and those above it', () => {
    const files = {
      'system.slice/memory.max': `${8 * GiB}\n`,
      'system.slice/heddle.service/memory.max': 'max\n',
    };
    expect(read('0::/system.slice/heddle.service\n', files)).toBe(8 * GiB);
    const throttled = { ...files, 'system.slice/heddle.service/memory.high': `${2 * GiB}\n` };
    expect(read('0::/system.slice/heddle.service\n', throttled)).toBe(2 * GiB);
  });

  it('is read in version 1, also where the path is one of the host', () => {
    const groups = '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n';
    const limit = `${3 * GiB}\n`;
    expect(read(groups, { 'memory/memory.limit_in_bytes': limit })).toBe(3 * GiB);
    expect(read(groups, { 'memory/docker/abc/memory.limit_in_bytes': limit })).toBe(3 * GiB);
    expect(read(groups, { 'cpu/memory.limit_in_bytes': limit })).toBeUndefined();
  });

  it('is absent when it is larger than the machine, as version 1 says none', () => {
    expect(read('4:memory:/\n', { 'memory/memory.limit_in_bytes': '9223372036854771712\n' })).toBeUndefined();
  });

  it('is read on this machine', () => {
    const memory = readMachineMemory();
    expect(memory.totalBytes).toBeGreaterThan(0);
    expect(memory.cgroupLimitBytes ?? 1).toBeGreaterThan(0);
  });
});

describe('the default ceiling', () => {
  it('is four fifths of the machine, or of the container when that is smaller', () => {
    expect(defaultCeiling(10 * GiB)).toBe(8 * GiB);
    expect(defaultCeiling(10 * GiB, 5 * GiB)).toBe(4 * GiB);
    expect(defaultCeiling(10 * GiB, 20 * GiB)).toBe(8 * GiB);
  });
});
