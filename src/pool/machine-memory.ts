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

/** Where the kernel's files are; for tests. */
export interface CgroupPlaces {
  /** Where the control groups are mounted. */
  readonly cgroupRoot?: string;
  /** The kernel's list of this process's groups. */
  readonly groupList?: string;
}

/**
 * Reads what the machine and the control groups of this process allow. A group is limited by those above it too, and in
 * a container the path that the kernel tells may be one of the host's: every level that can be read counts.
 */
export function readMachineMemory({
  totalBytes = totalmem(),
  ...places
}: CgroupPlaces & { totalBytes?: number } = {}): MachineMemory {
  const least = Math.min(
    ...groupFolders(places).flatMap(({ folder, version2 }) => readLimits(folder, version2)),
  );
  return least < totalBytes ? { totalBytes, cgroupLimitBytes: least } : { totalBytes };
}

/**
 * What the control groups of this process have left, bytes: the least over all levels of limit less use. Pages of files
 * that were not used lately do not count as use, since the system takes those back first. Infinite without a limit.
 */
export function cgroupAvailable(places: CgroupPlaces = {}): number {
  const left = groupFolders(places).map(({ folder, version2 }) => {
    const limit = Math.min(...readLimits(folder, version2));
    if (limit === Infinity) return Infinity;
    const [used] = readNumber(join(folder, version2 ? 'memory.current' : 'memory.usage_in_bytes'));
    if (used === undefined) return Infinity;
    const inactive = /^(?:total_)?inactive_file (\d+)$/m.exec(
      readText(join(folder, 'memory.stat')) ?? '',
    )?.[1];
    return limit - used + Number(inactive ?? 0);
  });
  return Math.min(...left);
}

/** The groups of this process that limit memory, with those above them. */
function groupFolders({
  cgroupRoot = '/sys/fs/cgroup',
  groupList = '/proc/self/cgroup',
}: CgroupPlaces): { folder: string; version2: boolean }[] {
  return groupsOf(groupList).flatMap(({ controllers, path }) => {
    const version2 = controllers === '';
    if (!version2 && !controllers.split(',').includes('memory')) return [];
    const mount = version2 ? cgroupRoot : join(cgroupRoot, 'memory');
    return levels(path).map((level) => ({ folder: join(mount, level), version2 }));
  });
}

function readLimits(folder: string, version2: boolean): number[] {
  return (version2 ? version2Files : version1Files).flatMap((file) => readNumber(join(folder, file)));
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

/** A number of bytes, if there is one: version 2 says `max` for none, version 1 a number larger than any memory. */
function readNumber(file: string): number[] {
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
