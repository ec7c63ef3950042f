import { describe, expect, test } from 'vitest';
import { testFingerprint } from '../testing/blocks.js';
import { decodeHeader, encodeHeader, headerBytes, isIntact } from './block-file.js';
import { rootId, type BlockKey } from './block-id.js';

const id = 'ab'.repeat(32);
const key: BlockKey = { id, parent: rootId, kind: 'block', position: 64, tokens: 64 };
const payload = Uint8Array.from({ length: 1000 }, (_, i) => i);
const wanted = { id, fingerprint: testFingerprint };
const header = encodeHeader(key, testFingerprint, payload);
const fileBytes = headerBytes + payload.length;

describe('the header of a block', () => {
  test.each<BlockKey>([
    key,
    { ...key, kind: 'snapshot', tokens: 5, position: 2 ** 40, parent: 'cd'.repeat(32) },
  ])('is read as it was written: $kind', (written) => {
    const read = decodeHeader(encodeHeader(written, testFingerprint, payload), fileBytes, wanted);
    expect(read).toMatchObject({ ...written, fingerprint: testFingerprint, payloadBytes: 1000 });
  });

  test('with any one bit flipped is refused', () => {
    const faults = new Set<unknown>();
    for (let bit = 0; bit < headerBytes * 8; bit++) {
      const bad = Buffer.from(header);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const fault = decodeHeader(bad, fileBytes, wanted);
      expect(typeof fault).toBe('string');
      faults.add(fault);
    }
    expect(faults).toEqual(new Set(['magic', 'version', 'header-checksum']));
  });

  test('that is cut short anywhere is refused', () => {
    for (let length = 0; length < headerBytes; length++)
      expect(decodeHeader(header.subarray(0, length), length, wanted)).toBe(
        length === 0 ? 'empty' : 'truncated',
      );
  });

  test('of another block, model or length is refused', () => {
    expect(decodeHeader(header, fileBytes, { ...wanted, id: 'cd'.repeat(32) })).toBe('id');
    expect(decodeHeader(header, fileBytes, { ...wanted, fingerprint: 'cd'.repeat(32) })).toBe('fingerprint');
    expect(decodeHeader(header, fileBytes - 1, wanted)).toBe('truncated');
    expect(decodeHeader(header, fileBytes + 1, wanted)).toBe('oversized');
  });

  test('of a foreign file is none', () => {
    expect(decodeHeader(Buffer.from('PK'), 2, wanted)).toBe('magic');
    expect(decodeHeader(Buffer.alloc(headerBytes), 4096, wanted)).toBe('magic');
  });
});

describe('a payload', () => {
  test('with any one bit flipped is not intact', () => {
    const read = decodeHeader(header, fileBytes, wanted);
    if (typeof read === 'string') throw new Error(read);
    expect(isIntact(read, payload)).toBe(true);
    for (let bit = 0; bit < payload.length * 8; bit += 13) {
      const bad = Uint8Array.from(payload);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(isIntact(read, bad)).toBe(false);
    }
  });
});
