import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What others may use of the machine's processors during a measurement that counts. */
const allowance = 0.05;
/** How long a run may wait for the machine to be quiet, and repeat what was disturbed, milliseconds. */
let patience = Number(process.env['PATIENCE'] ?? 300) * 1000;
/** How long to look before the machine counts as quiet, milliseconds. */
const glance = 300;
/** Processor time is counted in these, milliseconds. */
const tick = 10;

/** Measurements that were kept, and how many of them others had disturbed. */
export const kept = { all: 0, disturbed: 0 };

/**
 * Takes a measurement while nobody else uses the machine, as far as the run's patience lasts: llama.cpp's threads wait for
 * each other by spinning, so that other work slows several of them down many times more than one. Where the system does not
 * tell who uses it (other than Linux), the measurement is taken as it comes.
 * @param processes ids of the processes that take part, besides this one
 */
export async function whenQuiet<T>(processes: readonly number[], measure: () => Promise<T>): Promise<T> {
  kept.all++;
  const began = performance.now();
  for (;;) {
    const before = read(processes);
    if (patience > performance.now() - began) {
      await new Promise((resolve) => setTimeout(resolve, glance));
      if (othersSince(before, processes) > allowance) continue;
    }
    const quiet = read(processes);
    const measured = performance.now();
    const result = await measure();
    const disturbed = othersSince(quiet, processes) > allowance;
    if (disturbed && patience > performance.now() - began) continue;
    patience -= measured - began;
    if (disturbed) kept.disturbed++;
    return result;
  }
}

interface Reading {
  readonly at: number;
  /** Milliseconds of processor time since each began. */
  readonly everybody: number;
  readonly ours: number;
}

/** The share of the machine's processors that others used since then. */
function othersSince(before: Reading | undefined, processes: readonly number[]): number {
  const now = read(processes);
  if (before === undefined || now === undefined) return 0;
  const others = now.everybody - before.everybody - (now.ours - before.ours);
  return others / (now.at - before.at) / availableParallelism();
}

function read(processes: readonly number[]): Reading | undefined {
  if (process.platform !== 'linux') return undefined;
  // Fields of proc(5): user, nice, system, idle, iowait, irq, softirq, steal; guests are counted as user already.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = numbersOf(
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '',
  ).slice(1);
  const { user: mine, system: mineInKernel } = process.cpuUsage();
  const ours = processes.reduce((sum, pid) => {
    // The name may have spaces in it; behind it utime and stime are the fields 14 and 15 of the line.
    const fields = numbersOf(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, ''));
    return sum + ((fields[11] ?? 0) + (fields[12] ?? 0)) * tick;
  }, 0);
  return {
    at: performance.now(),
    everybody: (user + nice + system + irq + softirq + steal) * tick,
    ours: ours + (mine + mineInKernel) / 1000,
  };
}

function numbersOf(line: string): number[] {
  return line.split(/\s+/).map(Number);
}
