import { describe, expect, it } from 'vitest';
import { chooseFormat } from '../prompt/output/choose-format.js';
import { createParser } from '../prompt/output/output-format.js';
import { AnswerPrinter } from './answer-printer.js';

/** What was written where, in order. */
function printed(
  pieces: readonly string[],
  {
    isTTY = false,
    prompt = '',
    environment = {},
  }: { isTTY?: boolean; prompt?: string; environment?: NodeJS.ProcessEnv } = {},
): { answer: string; aside: string; order: string[] } {
  const result = { answer: '', aside: '', order: [] as string[] };
  const to = (name: 'answer' | 'aside') => (text: string) => {
    result[name] += text;
    result.order.push(name);
  };
  const format = chooseFormat('{{ messages }}<think></think>');
  const printer = new AnswerPrinter(
    createParser(format, { prompt, tools: [] }),
    { answer: { write: to('answer') }, aside: { write: to('aside'), isTTY } },
    environment,
  );
  for (const piece of pieces) printer.push(piece);
  printer.end('stop');
  return result;
}

const thought = ['<thi', 'nk>\nHm', 'm.\n</think>', '\n\nIt is', ' Tokyo.'];

describe('a printed answer', () => {
  it('is without what the model reasoned, which is told aside', () => {
    const { answer, aside, order } = printed(thought);
    expect(answer).toBe('It is Tokyo.\n');
    expect(aside).toBe('Hmm.\n');
    // As it is made, not at the end.
    expect(order.indexOf('aside')).toBe(0);
    expect(order.lastIndexOf('aside')).toBeLessThan(order.indexOf('answer'));
    expect(order.filter((name) => name === 'answer').length).toBeGreaterThan(2);
  });

  it('has dimmed reasoning on a terminal, unless colours are not wanted', () => {
    const { answer, aside } = printed(thought, { isTTY: true });
    expect(answer).toBe('It is Tokyo.\n');
    const [dim, plain] = ['\u001b[2m', '\u001b[22m'];
    expect(aside.startsWith(dim) && aside.endsWith(`${plain}\n`)).toBe(true);
    expect(aside.split(dim).length).toBe(aside.split(plain).length);
    expect(aside.replaceAll(dim, '').replaceAll(plain, '')).toBe('Hmm.\n');
    expect(printed(thought, { isTTY: true, environment: { NO_COLOR: '1' } }).aside).toBe('Hmm.\n');
  });

  it('is empty where all of it was reasoning that the prompt began', () => {
    expect(printed(['I am not', ' done'], { prompt: 'x<think>\n' })).toMatchObject({
      answer: '\n',
      aside: 'I am not done\n',
    });
  });

  it('is all there where nothing was reasoned, markers that are none included', () => {
    expect(printed(['1 <', ' 2 </b>'])).toMatchObject({ answer: '1 < 2 </b>\n', aside: '' });
  });
});
