import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { gguf, GGMLQuantizationType } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeHeader } from './gguf-format.js';
import { isWritten, writeGguf, type Fill, type GgufFile } from './gguf-writer.js';
import { dequantizeQ8, fromHalf } from './quantize.js';

let directory = '';

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-gguf-'));
});

afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

/** The whole numbers from 0 on. */
function counting(): Fill {
  let next = 0;
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = next++;
  };
}

const file: GgufFile = {
  metadata: [
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['test.u16', { type: 'uint16', value: 65535 }],
    ['test.u32', { type: 'uint32', value: 4_000_000_000 }],
    ['test.i32', { type: 'int32', value: -5 }],
    ['test.f32', { type: 'float32', value: 0.25 }],
    ['test.u64', { type: 'uint64', value: 2n ** 60n }],
    ['test.bool', { type: 'bool', value: true }],
    ['test.string', { type: 'string', value: 'naïve — 🙂' }],
    ['test.strings', { type: 'string[]', value: ['a', '', 'ĠĊ'] }],
    ['test.integers', { type: 'int32[]', value: [-1, 0, 1] }],
    ['test.reals', { type: 'float32[]', value: [0.5, -2] }],
  ],
  tensors: [
    { name: 'f32', type: 'F32', shape: [3], open: counting },
    { name: 'f16', type: 'F16', shape: [5, 2], open: counting },
    { name: 'q8', type: 'Q8_0', shape: [32, 2, 2], open: counting },
    { name: 'long', type: 'F32', shape: [64, 5000], open: counting },
  ],
};

function write(name: string): string {
  const target = path.join(directory, name);
  writeGguf(target, file);
  return target;
}

describe('a written GGUF file', () => {
  it('has its metadata and tensor table where another reader finds them', async () => {
    const { metadata, tensorInfos } = await gguf(write('read.gguf'), { allowLocalFile: true });
    expect(metadata).toMatchObject({
      version: 3,
      tensor_count: 4n,
      kv_count: 11n,
      'general.architecture': 'llama',
      'test.u16': 65535,
      'test.u32': 4_000_000_000,
      'test.i32': -5,
      'test.f32': 0.25,
      'test.u64': 2n ** 60n,
      'test.bool': true,
      'test.string': 'naïve — 🙂',
      'test.strings': ['a', '', 'ĠĊ'],
      'test.integers': [-1, 0, 1],
      'test.reals': [0.5, -2],
    });
    expect(tensorInfos.map(({ name, shape, dtype }) => [name, shape.map(Number), dtype])).toEqual([
      ['f32', [3], GGMLQuantizationType.F32],
      ['f16', [5, 2], GGMLQuantizationType.F16],
      ['q8', [32, 2, 2], GGMLQuantizationType.Q8_0],
      ['long', [64, 5000], GGMLQuantizationType.F32],
    ]);
    expect(tensorInfos.map(({ offset }) => Number(offset) % 32)).toEqual([0, 0, 0, 0]);
  });

  it('has every tensor in its type at its aligned place', async () => {
    const target = write('data.gguf');
    const { tensorInfos, tensorDataOffset } = await gguf(target, { allowLocalFile: true });
    const bytes = fs.readFileSync(target);
    const dataOf = (index: number): Buffer =>
      bytes.subarray(Number(tensorDataOffset) + Number(tensorInfos[index]?.offset));
    expect(Number(tensorDataOffset) % 32).toBe(0);
    expect([0, 4, 8].map((at) => dataOf(0).readFloatLE(at))).toEqual([0, 1, 2]);
    expect(Array.from({ length: 10 }, (_, i) => fromHalf(dataOf(1).readUInt16LE(2 * i)))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(dequantizeQ8(dataOf(2).subarray(0, 4 * 34))[127]).toBeCloseTo(127, 1);
    expect(dataOf(3).readFloatLE(4 * 319_999)).toBe(319_999); // written in more than one piece
    expect(bytes.length).toBe(encodeHeader(file.metadata, file.tensors).fileSize);
  });

  it('has the same bytes every time', () => {
    expect(fs.readFileSync(write('first.gguf')).equals(fs.readFileSync(write('second.gguf')))).toBe(true);
  });

  it('leaves no unfinished file behind when a tensor can not be made', () => {
    const open = (): Fill => () => {
      throw new Error('no values');
    };
    const broken: GgufFile = { metadata: [], tensors: [{ name: 'x', type: 'F32', shape: [1], open }] };
    const before = fs.readdirSync(directory);
    expect(() => writeGguf(path.join(directory, 'broken.gguf'), broken)).toThrow('no values');
    expect(fs.readdirSync(directory)).toEqual(before);
  });

  it('is refused when rows of a quantised tensor are not whole blocks', () => {
    expect(() => encodeHeader([], [{ name: 'x', type: 'Q8_0', shape: [16, 2] }])).toThrow(RangeError);
  });

  it('is known to be written by its header and size', () => {
    const target = write('known.gguf');
    expect(isWritten(target, file)).toBe(true);
    expect(isWritten(target, { ...file, metadata: [] })).toBe(false);
    fs.truncateSync(target, 1000);
    expect(isWritten(target, file)).toBe(false);
    expect(isWritten(path.join(directory, 'none.gguf'), file)).toBe(false);
  });
});
