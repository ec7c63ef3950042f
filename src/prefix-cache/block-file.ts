import { hash } from 'node:crypto';
import type { BlockId, BlockKey } from './block-id.js';

/*
 * A block on disk: a header of 256 bytes, then the payload. Numbers are little-endian.
 *
 *   0 magic (8)  8 version (4)  12 header bytes (4)  16 kind (4)  20 tokens (4)  24 position (8)  32 payload bytes (8)
 *  40 id (32)  72 parent (32)  104 fingerprint (32)  136 SHA-256 of the payload (32)  168 zero (56)
 * 224 SHA-256 of the header up to here (32)
 */

export const headerBytes = 256;
const version = 1;
const magic = Buffer.from('HEDDLEKV', 'latin1');
const sumAt = 224;

/** Why a file is no block. */
export type BlockFault =
  | 'no-file'
  | 'empty'
  | 'truncated'
  | 'oversized'
  | 'magic'
  | 'version'
  | 'header-checksum'
  | 'id'
  | 'fingerprint'
  | 'payload-checksum';

export interface BlockHeader extends BlockKey {
  readonly fingerprint: string;
  readonly payloadBytes: number;
  /** SHA-256 of the payload, hexadecimal. */
  readonly payloadSum: string;
}

/** The header of a block's file. @param fingerprint 64 hexadecimal digits */
export function encodeHeader(key: BlockKey, fingerprint: string, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(headerBytes, 12);
  header.writeUInt32LE(key.kind === 'block' ? 0 : 1, 16);
  header.writeUInt32LE(key.tokens, 20);
  header.writeBigUInt64LE(BigInt(key.position), 24);
  header.writeBigUInt64LE(BigInt(payload.length), 32);
  header.write(key.id, 40, 'hex');
  header.write(key.parent, 72, 'hex');
  header.write(fingerprint, 104, 'hex');
  header.write(hash('sha256', payload, 'hex'), 136, 'hex');
  header.write(hash('sha256', header.subarray(0, sumAt), 'hex'), sumAt, 'hex');
  return header;
}

/**
 * Reads and checks a header.
 * @param header the first {@link headerBytes} of the file, or all there is
 * @param fileBytes size of the file
 * @param wanted what the file's name and folder promise
 */
export function decodeHeader(
  header: Buffer,
  fileBytes: number,
  wanted: { readonly id: BlockId; readonly fingerprint: string },
): BlockHeader | BlockFault {
  if (fileBytes === 0) return 'empty';
  if (!header.subarray(0, 8).equals(magic.subarray(0, header.length))) return 'magic';
  if (header.length < headerBytes) return 'truncated';
  if (header.readUInt32LE(8) !== version || header.readUInt32LE(12) !== headerBytes) return 'version';
  if (hash('sha256', header.subarray(0, sumAt), 'hex') !== hex(header, sumAt)) return 'header-checksum';
  const id = hex(header, 40);
  const fingerprint = hex(header, 104);
  if (id !== wanted.id) return 'id';
  if (fingerprint !== wanted.fingerprint) return 'fingerprint';
  const payloadBytes = Number(header.readBigUInt64LE(32));
  if (fileBytes < headerBytes + payloadBytes) return 'truncated';
  if (fileBytes > headerBytes + payloadBytes) return 'oversized';
  return {
    id,
    parent: hex(header, 72),
    kind: header.readUInt32LE(16) === 0 ? 'block' : 'snapshot',
    tokens: header.readUInt32LE(20),
    position: Number(header.readBigUInt64LE(24)),
    fingerprint,
    payloadBytes,
    payloadSum: hex(header, 136),
  };
}

/** Whether a payload is the one that was written. */
export function isIntact(header: BlockHeader, payload: Uint8Array): boolean {
  return hash('sha256', payload, 'hex') === header.payloadSum;
}

function hex(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 32);
}
