import { readFileSync } from 'node:fs';
import type { MemoryReading } from '../core/model-runner.js';

/** Memory of this process as the system sees it now. */
export function readMemory(): MemoryReading {
  const residentBytes = process.memoryUsage.rss();
  const anonymousBytes = process.platform === 'linux' ? linuxAnonymousBytes() : undefined;
  return anonymousBytes === undefined ? { residentBytes } : { residentBytes, anonymousBytes };
}

function linuxAnonymousBytes(): number | undefined {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
