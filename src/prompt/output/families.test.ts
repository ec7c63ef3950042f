import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  joined,
  openings,
  rawText,
  readPieces,
  transcripts,
  transcriptTools,
} from '../../testing/output-transcripts.js';
import type { OutputEvent } from './output-event.js';

/** The text, cut at these offsets. */
function cutAt(text: string, offsets: readonly number[]): string[] {
  const ends = [...new Set(offsets)].toSorted((a, b) => a - b);
  return [...ends, text.length].map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

const textOf = (events: readonly OutputEvent[], kind: 'content' | 'reasoning'): string =>
  events.map((event) => (event.kind === kind ? event.text : '')).join('');

/** The calls that are well formed, with their arguments read as JSON. */
function callsOf(events: readonly OutputEvent[]): { name: string; id: string; arguments: unknown }[] {
  const calls: { name: string; id: string; arguments: unknown }[] = [];
  let text = '';
  let open: { name: string; id: string } | undefined;
  for (const event of events) {
    if (event.kind === 'tool-call') [open, text] = [event, ''];
    if (event.kind === 'tool-arguments') text += event.text;
    if (event.kind === 'tool-call-end' && event.outcome === 'complete' && open !== undefined)
      calls.push({ name: open.name, id: open.id, arguments: JSON.parse(text) as unknown });
  }
  return calls;
}

describe.each(transcripts)('$name', (transcript) => {
  const { text } = transcript;
  const whole = readPieces(transcript, [text]);

  it('is read', () => {
    expect(textOf(whole, 'content')).toBe(transcript.content ?? '');
    expect(textOf(whole, 'reasoning')).toBe(transcript.reasoning ?? '');
    expect(whole.filter(({ kind }) => kind === 'warning')).toHaveLength(transcript.warnings ?? 0);
    const { calls = [] } = transcript;
    const read = callsOf(whole);
    const withoutId = (call: { name: string; arguments: unknown }): object => ({ ...call, id: undefined });
    expect(read.map(withoutId)).toEqual(calls.map(withoutId));
    const ids = calls.map(({ id }, index) => (id === undefined ? undefined : read[index]?.id));
    expect(ids).toEqual(calls.map(({ id }) => id));
  });

  it('is read alike wherever it is cut in two, and in single characters', () => {
    const expected = joined(whole);
    for (let at = 1; at < text.length; at++)
      expect(joined(readPieces(transcript, cutAt(text, [at])))).toEqual(expected);
    expect(joined(readPieces(transcript, text.split('')))).toEqual(expected);
  });

  it('is read alike in pieces of any size', () => {
    const expected = joined(whole);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 12 }), (offsets) => {
        expect(joined(readPieces(transcript, cutAt(text, offsets)))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['stop', 'length'] as const)('loses no text when it ends early, by %s', (reason) => {
    for (let end = 0; end <= text.length; end++) {
      const part = text.slice(0, end);
      const events = readPieces(transcript, part.split(''), { reason });
      expect(rawText(events)).toBe(part);
      expect(joined(readPieces(transcript, [part], { reason }))).toEqual(joined(events));
      callsOf(events); // those that count as complete have arguments
    }
  });

  it('has no calls when no tools were offered', () => {
    const events = readPieces(transcript, [text], { tools: [] });
    expect(events.filter(({ kind }) => kind.startsWith('tool'))).toEqual([]);
    expect(rawText(events)).toBe(text);
  });

  it('keeps reasoning in the content when it is not to be told apart', () => {
    const events = readPieces(transcript, [text], { splitsReasoning: false });
    expect(textOf(events, 'reasoning')).toBe('');
    expect(textOf(events, 'content')).toContain(transcript.reasoning ?? '');
    expect(rawText(events)).toBe(text);
    expect(callsOf(events)).toHaveLength(transcript.calls?.length ?? 0);
  });
});

describe('a call in which something else follows', () => {
  const noise = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc
      .array(
        fc.constantFrom(
          '<tool_call>',
          '</tool_call>',
          '{"name": "get_time"',
          ', "arguments": {}}',
          '}',
          ']',
          '"',
          '\\u12',
          '<parameter=x>',
          '</parameter>',
          '</function>',
          '<arg_value>',
          '</arg_value>',
          '<|"|>',
          '<tool_call|>',
          '<｜tool▁sep｜>',
          '<｜tool▁call▁begin｜>',
          '```json\n{}\n```',
          '<|tool_call_argument_begin|>{}',
          '<|start|>assistant',
          '<|channel|>final<|message|>',
          '<|end|>',
          '</invoke>',
          '<think>',
          '</think>',
          ' ',
          '\n',
          'text',
          '\u{1F600}',
          '1',
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join('')),
  );

  it.each(openings)('loses no text after $opening', ({ template, opening }) => {
    fc.assert(
      fc.property(
        noise,
        fc.array(fc.nat({ max: 120 }), { maxLength: 6 }),
        fc.constantFrom('stop', 'length'),
        (garbage, offsets, reason) => {
          const text = opening + garbage;
          const events = readPieces(
            { template },
            cutAt(
              text,
              offsets.filter((at) => at < text.length),
            ),
            {
              reason,
            },
          );
          expect(rawText(events)).toBe(text);
          expect(joined(events)).toEqual(joined(readPieces({ template }, [text], { reason })));
          callsOf(events);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each(openings)('comes back as content after $opening', ({ template, opening }) => {
    const text = `${opening}\u0000 what is this?`;
    const events = readPieces({ template }, [text]);
    expect(textOf(events, 'content')).toBe(text);
    expect(callsOf(events)).toEqual([]);
    expect(events.some(({ kind }) => kind === 'warning')).toBe(true);
  });

  it.each(openings)('does not hang or run out of stack after $opening', ({ template, opening }) => {
    for (const unit of ['[', '{"a":', '<', ' ', '\n', '"', opening]) {
      const text = opening + unit.repeat(Math.floor(20_000 / unit.length));
      expect(rawText(readPieces({ template }, [text]))).toBe(text);
    }
  });
});

describe('arguments', () => {
  it('are handed over as they come', () => {
    const events = readPieces({ template: '<tool_call>' }, [
      '<tool_call>{"name": "get_weather", "arguments": {"ci',
      'ty": "Par',
      'is"}}',
    ]);
    const texts = events.flatMap((event) => (event.kind === 'tool-arguments' ? [event.text] : []));
    expect(texts).toEqual(['{"ci', 'ty": "Par', 'is"}']);
  });

  it('of a text parameter are handed over as they come, escaped', () => {
    const events = readPieces({ template: '<tool_call> <function=' }, [
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nNew',
      ' "Yo',
      'rk"\n',
      '</parameter>\n</function>',
    ]);
    const texts = events.flatMap((event) => (event.kind === 'tool-arguments' ? [event.text] : []));
    expect(texts).toEqual(['{"city":"New', ' \\"Yo', 'rk\\"', '"}']);
  });

  it('that are cut off by the length stay those of a call', () => {
    const text = '<tool_call>{"name": "get_weather", "arguments": {"city": "Pa';
    const events = readPieces({ template: '<tool_call>' }, [text], { reason: 'length' });
    expect(joined(events)).toEqual([
      { kind: 'tool-call', index: 0, id: '', name: 'get_weather' },
      { kind: 'tool-arguments', index: 0, text: '{"city": "Pa' },
      { kind: 'tool-call-end', index: 0, outcome: 'cut', raw: text },
    ]);
  });
});

describe('arguments that are nested deeply', () => {
  /** A list in lists, so many in all. */
  const lists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const nestings: [string, string, (value: string) => string][] = [
    ['Hermes', '<tool_call>', (value) => `<tool_call>{"name": "get_weather", "arguments": {"a": ${value}}}`],
    [
      'arguments in a text',
      '<tool_call>',
      (value) => `<tool_call>{"name": "get_weather", "arguments": "{\\"a\\": ${value}}"}`,
    ],
    ['Mistral', '[TOOL_CALLS]', (value) => `[TOOL_CALLS]get_weather[ARGS]{"a": ${value}}`],
    ['Gemma', '<|tool_call>call:', (value) => `<|tool_call>call:get_weather{a:${value}}<tool_call|>`],
  ];

  it.each(nestings)(
    'are those of a call up to 256, and else its text is content: %s',
    (_, template, write) => {
      const whole = readPieces({ template }, [write(lists(255))]);
      expect(callsOf(whole)).toHaveLength(1);
      expect(textOf(whole, 'content')).toBe('');
      for (const depth of [256, 20_000]) {
        const text = write(lists(depth));
        const deep = readPieces({ template }, [text]);
        expect(callsOf(deep)).toEqual([]);
        expect(textOf(deep, 'content')).toBe(text);
      }
    },
  );

  it('are texts where they are written one by one', () => {
    const template = '<tool_call> <function=';
    const valueOf = (value: string): unknown => {
      const text = `<tool_call>\n<function=get_weather>\n<parameter=places>\n${value}\n</parameter>\n</function>`;
      const [call] = callsOf(readPieces({ template }, [text]));
      return (call?.arguments as { places: unknown } | undefined)?.places;
    };
    expect(JSON.stringify(valueOf(lists(255)))).toBe(lists(255));
    for (const depth of [256, 20_000]) expect(valueOf(lists(depth))).toBe(lists(depth));
  });
});

describe('reasoning that is not to be told apart', () => {
  const textual = transcripts.filter(
    ({ calls, template }) => calls === undefined && !template.includes('<|message|>'),
  );

  it.each(textual)('is content with all that is around it: $name', (transcript) => {
    const events = readPieces(transcript, [transcript.text], { splitsReasoning: false });
    expect(textOf(events, 'content')).toBe(transcript.text);
  });
});

describe('ids of calls', () => {
  const idOf = (template: string, text: string): string | undefined =>
    readPieces({ template }, [text]).flatMap((event) => (event.kind === 'tool-call' ? [event.id] : []))[0];

  it('are those that the family knows', () => {
    const call = '{"name": "get_time", "arguments": {}}';
    expect(idOf('<tool_call>', `<tool_call>${call}`)).toMatch(/^call_[A-Za-z0-9]{24}$/);
    expect(idOf('[TOOL_CALLS]', `[TOOL_CALLS][${call}]`)).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(idOf('[TOOL_CALLS]', '[TOOL_CALLS]get_time[CALL_ID]too-long-for-one[ARGS]{}')).toMatch(
      /^[A-Za-z0-9]{9}$/,
    );
  });

  it('are not given twice', () => {
    const ids = Array.from({ length: 100 }, () => idOf('<tool_call>', '<tool_call>{"name": "get_time"}'));
    expect(new Set(ids).size).toBe(100);
  });
});

describe('ids that a model writes', () => {
  const idsOf = (template: string, text: string): string[] =>
    readPieces({ template }, [text]).flatMap((event) => (event.kind === 'tool-call' ? [event.id] : []));

  it('are new ones where a call before has them: Kimi', () => {
    const call = (id: string): string =>
      `<|tool_call_begin|>${id}<|tool_call_argument_begin|>{}<|tool_call_end|>`;
    const written = [
      'functions.f:0',
      'functions.f:0',
      'functions.f:3',
      'f',
      'functions.g:0',
      'functions.g:0',
    ];
    const text = `<|tool_calls_section_begin|>${written.map(call).join('')}<|tool_calls_section_end|>`;
    expect(idsOf('<|tool_calls_section_begin|> <|tool_call_begin|>', text)).toEqual([
      'functions.f:0',
      'functions.f:1',
      'functions.f:3',
      'functions.f:4',
      'functions.g:0',
      'functions.g:5',
    ]);
  });

  it('are new ones where a call before has them: Mistral', () => {
    const text = '[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{}'.repeat(3);
    const ids = idsOf('[TOOL_CALLS]', text);
    expect(ids[0]).toBe('abcdefghi');
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z\d]{9}$/);
  });
});

describe('text that a format may hold back', () => {
  it('is no more than the beginning of a marker', () => {
    const events = readPieces({ template: '<tool_call> <think>' }, ['Hello <t', 'he']);
    expect(events.slice(0, 2)).toEqual([
      { kind: 'content', text: 'Hello' },
      { kind: 'content', text: ' <the' },
    ]);
  });

  it('is nothing where no marker is looked for', () => {
    const events = readPieces({ template: 'none' }, ['Hello ', '<tool_call>'], { tools: transcriptTools });
    expect(events[0]).toEqual({ kind: 'content', text: 'Hello ' });
  });
});
