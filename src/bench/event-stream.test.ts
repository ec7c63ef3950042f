import { StringDecoder } from 'node:string_decoder';
import { describe, expect, it } from 'vitest';
import { EventStream } from './event-stream.js';

const text = [
  'data: {"text":"first"}\n\n',
  ': a comment\n',
  'event: message\r\nid: 7\r\ndata:without a space\r\n\r\n',
  'data: two\ndata:  lines\n\n',
  '\n\n',
  'data: größer 🙂 字\n\n',
  'data:\n\n',
  'data: [DONE]\n\n',
].join('');
const events = ['{"text":"first"}', 'without a space', 'two\n lines', 'größer 🙂 字', '', '[DONE]'];

/** What a socket would hand over, piece by piece. */
function read(pieces: readonly Buffer[]): string[] {
  const stream = new EventStream();
  const decoder = new StringDecoder('utf8');
  return pieces.flatMap((piece) => stream.push(decoder.write(piece)));
}

describe('an event stream', () => {
  const bytes = Buffer.from(text);

  it('is the same wherever it is cut in two', () => {
    expect(read([bytes])).toEqual(events);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(events);
  });

  it('is the same in pieces of any size', () => {
    for (let size = 1; size < 20; size++) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(read(pieces), `pieces of ${size}`).toEqual(events);
    }
  });

  it('gives an event when its empty line is there, and not before', () => {
    const stream = new EventStream();
    expect(stream.push('data: one\n')).toEqual([]);
    expect(stream.push('\ndata: tw')).toEqual(['one']);
    expect(stream.push('o')).toEqual([]);
  });
});
