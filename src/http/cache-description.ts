import type { CacheDirectoryReport, DiskCacheReport, PromptCacheReport } from '../core/prompt-cache.js';

/** A model's prompt cache, as `/admin/cache` tells it. */
export function describePromptCache(report: PromptCacheReport): object {
  const { device, host, disk, moved, cleared, verified } = report;
  return {
    ...(cleared === undefined
      ? {}
      : { cleared: { sequences: cleared.device, blocks: cleared.host, files: cleared.disk } }),
    ...(verified === undefined ? {} : { verified }),
    device: {
      cells: { used: device.usedCells, resident: device.residentCells, total: device.cells },
      sequences: device.residents,
    },
    host: host ?? null,
    disk: disk === undefined ? null : describeDisk(disk),
    ...(moved === undefined
      ? {}
      : {
          saved: { blocks: moved.savedBlocks, snapshots: moved.savedSnapshots },
          restored_tokens: moved.restoredTokens,
          faults: moved.faults,
        }),
  };
}

function describeDisk({ thread, loss, hits, queued, dropped, ...disk }: DiskCacheReport): object {
  return {
    thread,
    ...(loss === undefined ? {} : { loss }),
    hits,
    queued: { blocks: queued, bytes: disk.queuedBytes },
    dropped,
    unanswered: disk.unanswered,
    directory: disk.directory === undefined ? null : describeDirectory(disk.directory),
  };
}

function describeDirectory({ badFiles, writtenBytes, paused, ...directory }: CacheDirectoryReport): object {
  return { ...directory, bad_files: badFiles, written_bytes: writtenBytes, paused: paused ?? null };
}
