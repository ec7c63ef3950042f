import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** Memory that this process can have, bytes. */
export interface MachineMemory {
  /** Of the whole machine. */
  readonly totalBytes: number;
  /** The least limit that a control group (a container, a service) sets; absent without one. */
  readonly cgroupLimitBytes?: number;
}

/** Share of the memory that is used when no ceiling is configured; the rest is for the system and other programs. */
const defaultShare = 0.8;

/** The ceiling for all engines when none is configured: 80 % of the machine's memory, or of the container's if less. */
export function defaultCeiling(totalBytes: number, cgroupLimitBytes?: number): number {
  return Math.floor(Math.min(totalBytes, cgroupLimitBytes ?? Infinity) * defaultShare);
}

/** In version 2 of control groups: above `high` the system takes pages back all the time, above `max` it kills. */
const version2Files = ['memory.max', 'memory.high'];
const version1Files = ['memory.limit_in_bytes'];

/**
 * Reads what the machine and the control groups of this process allow. A group is limited by those above it too, and in
 * a container the path that the kernel tells may be one of the host's: every level that can be read counts.
 * @param places for tests: where the control groups are mounted, and the kernel's list of this process's groups
 */
export function readMachineMemory(
  places: { totalBytes?: number; cgroupRoot?: string; groupList?: string } = {},
): MachineMemory {
  const { totalBytes = totalmem(), cgroupRoot = '/sys/fs/cgroup', groupList = '/proc/self/cgroup' } = places;
  const limits: number[] = [];
  for (const { controllers, path } of groupsOf(groupList)) {
    const version2 = controllers === '';
    if (!version2 && !controllers.split(',').includes('memory')) continue;
    const mount = version2 ? cgroupRoot : join(cgroupRoot, 'memory');
    const files = version2 ? version2Files : version1Files;
    for (const level of levels(path)) {
      for (const file of files) limits.push(...readLimit(join(mount, level, file)));
    }
  }
  const least = Math.min(...limits);
  return least < totalBytes ? { totalBytes, cgroupLimitBytes: least } : { totalBytes };
}

/** Lines of /proc/self/cgroup: `0::/path` in version 2, `4:memory:/path` in version 1. */
function groupsOf(file: string): { controllers: string; path: string }[] {
  return (readText(file) ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined ? [] : [{ controllers, path }];
  });
}

/** `/a/b`: the paths `/`, `/a` and `/a/b`. */
function levels(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return Array.from({ length: names.length + 1 }, (_, depth) => `/${names.slice(0, depth).join('/')}`);
}

/** A limit in bytes, if there is one: version 2 says `max` for none, version 1 a number larger than any memory. */
function readLimit(file: string): number[] {
  const text = readText(file)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? [Number(text)] : [];
}

/** Undefined for a file that can not be read: not every system has control groups, nor each group every file. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
