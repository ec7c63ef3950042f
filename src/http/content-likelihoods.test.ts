import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenLikelihood } from '../core/likelihood.js';
import type { OutputEvent } from '../prompt/output/output-event.js';
import { chooseFormat } from '../prompt/output/choose-format.js';
import { createParser } from '../prompt/output/output-format.js';
import { transcripts, transcriptTools, type Transcript } from '../testing/output-transcripts.js';
import { ContentLikelihoods, type PlacedLikelihood } from './content-likelihoods.js';

function token(index: number, bytes: Uint8Array, name?: string): TokenLikelihood {
  return {
    token: index,
    bytes,
    logProbability: -1,
    top: [],
    ...(name === undefined ? {} : { name }),
  };
}

/** The bytes of a text as tokens that end at these places. */
function tokensOf(text: string, ends: readonly number[]): TokenLikelihood[] {
  const bytes = Buffer.from(text);
  const sorted = [...new Set([...ends.filter((end) => end > 0 && end < bytes.length), bytes.length])];
  sorted.sort((a, b) => a - b);
  return sorted.map((end, index) => token(index, bytes.subarray(sorted[index - 1] ?? 0, end)));
}

/** What an engine tells of tokens, one by one: a token with the first of its text that is whole characters. */
function updatesOf(
  tokens: readonly TokenLikelihood[],
): { text: string; likelihoods: readonly TokenLikelihood[] }[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held: TokenLikelihood[] = [];
  return tokens.flatMap((one) => {
    held.push(one);
    const text = decoder.decode(one.bytes, { stream: true });
    if (text === '') return [];
    const likelihoods = held;
    held = [];
    return [{ text, likelihoods }];
  });
}

/** Reads the output of a model token by token. */
function read(
  { template, prompt = '' }: Transcript,
  tokens: readonly TokenLikelihood[],
): { events: OutputEvent[]; placed: PlacedLikelihood[] } {
  const parser = createParser(chooseFormat(template), { prompt, tools: transcriptTools });
  const likelihoods = new ContentLikelihoods([]);
  const events: OutputEvent[] = [];
  const placed: PlacedLikelihood[] = [];
  const take = (more: readonly OutputEvent[]): void => {
    events.push(...more);
    placed.push(...likelihoods.take(more));
  };
  for (const { text, likelihoods: told } of updatesOf(tokens)) {
    likelihoods.add(told);
    take(parser.push(text));
  }
  take(parser.end('stop'));
  return { events, placed };
}

/** For each byte of the output, where in the content its character is; undefined for those of other parts. */
function contentPlaces(events: readonly OutputEvent[]): (number | undefined)[] {
  let content = 0;
  return events.flatMap((event) => {
    const text = event.kind === 'tool-call-end' ? event.raw : '';
    if (event.kind !== 'content' && event.kind !== 'reasoning' && event.kind !== 'marker')
      return Array.from(Buffer.from(text), () => undefined);
    return Array.from(event.text, (character) => {
      const place = event.kind === 'content' ? content : undefined;
      if (event.kind === 'content') content += character.length;
      return Array.from(Buffer.from(character), () => place);
    }).flat();
  });
}

describe.each(transcripts)('the tokens of the content of $name', (transcript) => {
  it('are those with a byte of it, with the place of their first one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: Buffer.from(transcript.text).length })), (ends) => {
        const tokens = tokensOf(transcript.text, ends);
        const { events, placed } = read(transcript, tokens);
        const places = contentPlaces(events);
        let offset = 0;
        const expected = tokens.flatMap((likelihood) => {
          const own = places.slice(offset, (offset += likelihood.bytes.length));
          const at = own.find((place) => place !== undefined);
          return at === undefined ? [] : [{ at, likelihood }];
        });
        expect(placed).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a control token', () => {
  const text = (kind: 'content' | 'marker', said: string): OutputEvent => ({ kind, text: said });
  const bytes = (said: string): Uint8Array => Buffer.from(said);
  const none = bytes('');

  it('counts where it is text, and is passed over where it is not', () => {
    const likelihoods = new ContentLikelihoods(['<mark>']);
    const [mark, other, hello] = [token(1, none, '<mark>'), token(2, none, '<other>'), token(3, bytes('Hi'))];
    likelihoods.add([mark, other, hello]);
    expect(likelihoods.take([text('marker', '<mark>'), text('content', 'Hi')])).toEqual([
      { at: 0, likelihood: hello },
    ]);
    likelihoods.add([other, mark]);
    expect(likelihoods.take([text('content', '<mark>')])).toEqual([{ at: 2, likelihood: mark }]);
  });
});

describe('a character that was cut off', () => {
  it('has the tokens of what is there of it', () => {
    const likelihoods = new ContentLikelihoods([]);
    const [a, cut] = [token(1, Buffer.from('a')), token(2, Buffer.from([0xe2, 0x82]))];
    likelihoods.add([a, cut]);
    const events: OutputEvent[] = [
      { kind: 'content', text: 'a' },
      { kind: 'content', text: '\uFFFD' },
    ];
    expect(likelihoods.take(events)).toEqual([
      { at: 0, likelihood: a },
      { at: 1, likelihood: cut },
    ]);
  });
});
