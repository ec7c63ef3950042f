import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf, readChunk } from './chat-chunk.js';

describe('a chunk', () => {
  it('has the text of the first choice', () => {
    const data = JSON.stringify({ choices: [{ delta: { content: 'hello' }, finish_reason: null }] });
    expect(readChunk(data)).toEqual({ content: 'hello', reasoning: '', counts: {} });
  });

  it.each(['reasoning_content', 'reasoning'])('tells %s apart from the answer', (field) => {
    const data = JSON.stringify({ choices: [{ delta: { [field]: 'hm', content: null } }] });
    expect(readChunk(data)).toMatchObject({ content: '', reasoning: 'hm' });
  });

  it('has the counts, cached tokens among them, and none where the server tells none', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 0 } };
    expect(readChunk(JSON.stringify({ choices: [], usage })).counts).toEqual({
      promptTokens: 9,
      completionTokens: 3,
      cachedTokens: 0,
    });
    const untold = { ...usage, prompt_tokens_details: null };
    expect(readChunk(JSON.stringify({ usage: untold })).counts).not.toHaveProperty('cachedTokens');
    expect(readChunk(JSON.stringify({ usage: null })).counts).toEqual({});
  });

  it('is a failure when it is no JSON object, or has an error', () => {
    for (const data of ['', 'null', '5', '[]', '{"choices":', 'hello'])
      expect(readChunk(data).failure).toMatchObject({ kind: 'malformed' });
    expect(readChunk('{"error":{"code":"engine_crashed","message":"It is lost."}}').failure).toEqual({
      kind: 'stream engine_crashed',
      message: 'It is lost.',
    });
  });

  it('never throws, whatever a server sends, and has the types that it says', () => {
    const keys = ['choices', 'delta', 'content', 'usage', 'prompt_tokens', 'prompt_tokens_details', 'error'];
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        fc.constantFrom(null, 5, 'text', true, -0.5),
        fc.array(tie('tree'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom(...keys), tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const { content, reasoning, counts, failure } = readChunk(JSON.stringify(value));
        expect([content, reasoning].every((text) => typeof text === 'string')).toBe(true);
        expect(Object.values(counts).every((count) => typeof count === 'number')).toBe(true);
        expect(failure ?? { kind: '', message: '' }).toEqual({
          kind: expect.any(String) as string,
          message: expect.any(String) as string,
        });
      }),
    );
  });
});

it('an error is named by its code, else its type, else where it was', () => {
  expect(failureOf('http 500', { code: null, type: 'server_error', message: 'No.' })).toEqual({
    kind: 'http 500 server_error',
    message: 'No.',
  });
  expect(failureOf('http 400', { code: 400, message: 'No.' }).kind).toBe('http 400 400');
  expect(failureOf('http 404', 'Not found')).toEqual({ kind: 'http 404', message: 'Not found' });
  expect(failureOf('http 502', undefined).kind).toBe('http 502');
});
