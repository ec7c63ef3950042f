import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { GpuMemory, GpuProbe } from './memory-probe.js';

const MiB = 2 ** 20;

/** How long nvidia-smi may take, milliseconds. */
const timeout = 2000;

/** What is said instead of a size: in a container, or without the right to know. */
const unknownSize = /^\[.*\]$/;

/** For NVIDIA: asks nvidia-smi, which comes with the driver. Where it is not installed there is no such GPU. */
export class NvidiaProbe implements GpuProbe {
  readonly #visible: () => string | undefined;
  #absent = false;

  /** @param visible for tests: what CUDA_VISIBLE_DEVICES says, which engine processes inherit */
  constructor(visible = (): string | undefined => process.env['CUDA_VISIBLE_DEVICES']) {
    this.#visible = visible;
  }

  async gpus(): Promise<readonly GpuMemory[]> {
    if (this.#absent) return [];
    try {
      const [devices, processes] = await Promise.all([
        ask('--query-gpu=index,uuid,memory.total,memory.used'),
        ask('--query-compute-apps=gpu_uuid,pid,used_memory'),
      ]);
      return visibleOf(parseDevices(devices, processes), this.#visible());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#absent = true;
      return [];
    }
  }
}

/** The lines of an answer, in fields. */
async function ask(query: string): Promise<string[][]> {
  const { stdout } = await promisify(execFile)('nvidia-smi', [query, '--format=csv,noheader,nounits'], {
    timeout,
    killSignal: 'SIGKILL',
  });
  const lines = stdout.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && line !== 'No devices were found')
    .map((line) => line.split(',').map((field) => field.trim()));
}

/** In the order of their indexes. Sizes are told in MiB. */
function parseDevices(lines: readonly string[][], processes: readonly string[][]): GpuMemory[] {
  const byIndex = lines.toSorted(([a], [b]) => number(a) - number(b));
  return byIndex.map(([, id = '', total, used]) => ({
    id,
    totalBytes: number(total) * MiB,
    usedBytes: number(used) * MiB,
    processes: parseProcesses(processes, id),
  }));
}

function parseProcesses(lines: readonly string[][], gpu: string): ReadonlyMap<number, number> {
  const processes = new Map<number, number>();
  for (const [id, process, used = ''] of lines) {
    if (id !== gpu || unknownSize.test(used)) continue;
    const pid = number(process);
    processes.set(pid, (processes.get(pid) ?? 0) + number(used) * MiB);
  }
  return processes;
}

/** @throws Error for anything but digits: an answer that is not understood is no reading */
function number(field: string | undefined): number {
  if (field === undefined || !/^\d+$/.test(field))
    throw new Error(`nvidia-smi says ${String(field)}, no number.`);
  return Number(field);
}

/**
 * What CUDA_VISIBLE_DEVICES leaves of them: indexes, or beginnings of UUIDs, up to the first that names none. Their
 * indexes are nvidia-smi's, which CUDA's own are with CUDA_DEVICE_ORDER=PCI_BUS_ID, or if all are of one kind.
 * @throws Error for parts of GPUs (MIG), of which nvidia-smi tells nothing here
 */
function visibleOf(gpus: readonly GpuMemory[], visible: string | undefined): readonly GpuMemory[] {
  if (visible === undefined) return gpus;
  const chosen: GpuMemory[] = [];
  for (const name of visible.split(',').map((part) => part.trim())) {
    if (name.startsWith('MIG')) throw new Error('The memory of parts of GPUs is not known.');
    const gpu = /^\d+$/.test(name)
      ? gpus[Number(name)]
      : gpus.find(({ id }) => name !== '' && id.startsWith(name));
    if (gpu === undefined) break;
    chosen.push(gpu);
  }
  return chosen;
}
