import type { DiskCacheReport, HostCacheReport } from '../core/prompt-cache.js';
import type { PrefixStoreStats } from '../prefix-cache/prefix-store.js';

/** The RAM of a prefix store, as the gateway is told. */
export function hostReport({ host, payloads, hostHits }: PrefixStoreStats): HostCacheReport {
  const { blocks, bytes, limit, evicted } = host;
  return { blocks, bytes, limit, hits: hostHits, evicted, memory: payloads.heldBytes + payloads.freeBytes };
}

/** The disk of a prefix store, as the gateway is told. */
export function diskReport(
  { tier, loss, ...queue }: NonNullable<PrefixStoreStats['disk']>,
  hits: number,
): DiskCacheReport {
  const reported = { ...queue, hits, ...(loss === undefined ? {} : { loss }) };
  if (tier === undefined) return reported;
  const { files, bytes, limit, badFiles, processes, scanned } = tier;
  const { writes, writtenBytes, evicted, faults, foreign, errors, paused } = tier;
  const directory = {
    files,
    bytes,
    limit,
    badFiles,
    processes,
    scanned,
    writes,
    writtenBytes,
    evicted,
    faults,
  };
  return {
    ...reported,
    directory: { ...directory, foreign, errors, ...(paused === undefined ? {} : { paused }) },
  };
}
