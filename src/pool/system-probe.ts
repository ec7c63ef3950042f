import { LinuxProbe } from './linux-probe.js';
import type { MemoryProbe } from './memory-probe.js';
import { PsProbe } from './ps-probe.js';

/** The probe of the system that this process runs on. */
export function systemProbe(): MemoryProbe {
  return process.platform === 'linux' ? new LinuxProbe() : new PsProbe();
}
