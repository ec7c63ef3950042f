import { constants } from 'node:fs';
import { decodeHeader, encodeHeader, headerBytes, isIntact, type BlockFault } from './block-file.js';
import type { BlockId, BlockKey } from './block-id.js';
import type { DiskFs } from './disk-fs.js';

/** A named pipe would keep whoever opens it until somebody writes. Windows has neither. */
const openFlags = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

/** A block, or why a file is none. */
export type ReadBlock<Bytes> = { readonly payload: Bytes } | { readonly fault: BlockFault };

/**
 * Reads a block's file and checks every byte of it.
 * @param wanted what the file's name and folder promise
 * @param allocate memory to read into
 * @throws system errors
 */
export function readBlock<Bytes extends Uint8Array>(
  fs: DiskFs,
  path: string,
  wanted: { readonly id: BlockId; readonly fingerprint: string },
  allocate: (bytes: number) => Bytes,
): ReadBlock<Bytes> {
  const file = fs.openSync(path, openFlags);
  try {
    const stat = fs.fstatSync(file);
    if (!stat.isFile()) return { fault: 'no-file' };
    const bytes = Buffer.alloc(headerBytes);
    const header = decodeHeader(bytes.subarray(0, readAll(fs, file, bytes, 0)), stat.size, wanted);
    if (typeof header !== 'object') return { fault: header };
    const payload = allocate(header.payloadBytes);
    if (readAll(fs, file, payload, headerBytes) < payload.length) return { fault: 'truncated' };
    return isIntact(header, payload) ? { payload } : { fault: 'payload-checksum' };
  } finally {
    fs.closeSync(file);
  }
}

/**
 * Writes a block's file under a name of its own; it is complete when this returns.
 * @param options.usedAt milliseconds since 1970
 * @param options.fsync whether it is on the disk then, and not only in the system's memory
 * @throws system errors
 */
export function writeBlock(
  fs: DiskFs,
  path: string,
  block: { readonly key: BlockKey; readonly fingerprint: string; readonly payload: Uint8Array },
  options: { readonly usedAt: number; readonly fsync: boolean },
): void {
  const header = encodeHeader(block.key, block.fingerprint, block.payload);
  const file = fs.openSync(path, 'w', 0o600);
  try {
    writeAll(fs, file, header);
    writeAll(fs, file, block.payload);
    fs.futimesSync(file, options.usedAt / 1000, options.usedAt / 1000);
    if (options.fsync) fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

function writeAll(fs: DiskFs, file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at, bytes.length - at);
}

function readAll(fs: DiskFs, file: number, bytes: Uint8Array, position: number): number {
  let at = 0;
  while (at < bytes.length) {
    const read = fs.readSync(file, bytes, at, bytes.length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return at;
}
