import { hash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Who writes into a directory that processes share, as a name for files: machine, process, start of the process,
 * instance. A process id alone is given out again, and means another process in another container.
 */
export interface DiskOwner {
  readonly machine: string;
  readonly pid: number;
  readonly start: string;
  readonly instance: string;
}

/** Alive, dead, or on a machine that can not be asked. */
export type Liveness = 'alive' | 'dead' | 'unknown';

const pattern = /^([0-9a-f]{12})-(\d+)-(\d+)-([0-9a-f]{8})$/;

/** A new owner in this process. */
export function thisOwner(): DiskOwner {
  return {
    machine: thisMachine(),
    pid: process.pid,
    start: processStart(process.pid),
    instance: randomBytes(4).toString('hex'),
  };
}

export function ownerName({ machine, pid, start, instance }: DiskOwner): string {
  return `${machine}-${pid}-${start}-${instance}`;
}

export function parseOwner(name: string): DiskOwner | undefined {
  const [, machine, pid, start, instance] = pattern.exec(name) ?? [];
  if (machine === undefined || start === undefined || instance === undefined) return undefined;
  return { machine, pid: Number(pid), start, instance };
}

/** @returns unknown for owners in other machines and containers, whose processes can not be asked */
export function livenessOf(owner: DiskOwner): Liveness {
  if (owner.machine !== thisMachine()) return 'unknown';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  return processStart(owner.pid) === owner.start ? 'alive' : 'dead';
}

let machine: string | undefined;

/** Changes with a restart, and from one process namespace to the next. */
function thisMachine(): string {
  if (machine !== undefined) return machine;
  const boot = readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const namespace = readOr('', () => readlinkSync('/proc/self/ns/pid'));
  machine = hash('sha256', JSON.stringify([hostname(), boot, namespace]), 'hex').slice(0, 12);
  return machine;
}

/** When a process started, in clock ticks since the machine did; 0 where the system does not tell. */
function processStart(pid: number): string {
  return readOr('0', () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may have spaces in it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  });
}

function readOr(otherwise: string, read: () => string): string {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
