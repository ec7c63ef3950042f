import { AmdProbe } from './amd-probe.js';
import { LinuxProbe } from './linux-probe.js';
import type { MemoryProbe } from './memory-probe.js';
import { NvidiaProbe } from './nvidia-probe.js';
import { PsProbe } from './ps-probe.js';

/** The probe of the system that this process runs on. */
export function systemProbe(): MemoryProbe {
  const isLinux = process.platform === 'linux';
  const ram = isLinux ? new LinuxProbe() : new PsProbe();
  const gpuProbes = isLinux ? [new NvidiaProbe(), new AmdProbe()] : [new NvidiaProbe()];
  return {
    process: async (pid) => ram.process(pid),
    available: async () => ram.available(),
    gpus: async () => (await Promise.all(gpuProbes.map(async (probe) => probe.gpus()))).flat(),
  };
}
