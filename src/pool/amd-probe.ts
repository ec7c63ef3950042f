import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GpuMemory, GpuProbe } from './memory-probe.js';

/** For AMD on Linux: the kernel's amdgpu driver tells of each card's own memory. It does not say who uses it. */
export class AmdProbe implements GpuProbe {
  readonly #root: string;

  /** @param root for tests: where the kernel lists graphics cards */
  constructor(root = '/sys/class/drm') {
    this.#root = root;
  }

  async gpus(): Promise<readonly GpuMemory[]> {
    const names = (await ifThere(readdir(this.#root))) ?? [];
    const cards = names.filter((name) => /^card\d+$/.test(name)).toSorted();
    const gpus = await Promise.all(cards.map(async (card) => this.#read(card)));
    return gpus.filter((gpu) => gpu !== undefined);
  }

  /** Undefined for a card of another driver. */
  async #read(card: string): Promise<GpuMemory | undefined> {
    const [totalBytes, usedBytes] = await Promise.all([
      this.#number(card, 'mem_info_vram_total'),
      this.#number(card, 'mem_info_vram_used'),
    ]);
    if (totalBytes === undefined || usedBytes === undefined) return undefined;
    return { id: card, totalBytes, usedBytes, processes: new Map() };
  }

  async #number(card: string, file: string): Promise<number | undefined> {
    const text = await ifThere(readFile(join(this.#root, card, 'device', file), 'utf8'));
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text.trim())) throw new Error(`${file} of ${card} says ${text}, no number.`);
    return Number(text);
  }
}

/** Undefined for a file or folder that is not there. */
async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
