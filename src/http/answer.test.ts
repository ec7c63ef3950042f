import { createHook } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { HeddleError } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import { Generation, type GenerationUpdate } from '../engine/generation.js';
import { plainParser } from '../prompt/output/plain-parser.js';
import { makeRequest } from '../testing/requests.js';
import { Answer, type AnswerPiece } from './answer.js';

const update = (text: string): GenerationUpdate => ({
  kind: 'choice',
  requestId: 'r',
  choice: 0,
  text,
  completionTokens: 1,
});

/** An answer to so many prompts, with what the engine's side writes to. */
function answerTo(prompts: number): { answer: Answer; generations: Generation[] } {
  const generations: Generation[] = [];
  const engine: Pick<Engine, 'generate'> = {
    generate: () => {
      const generation: Generation = new Generation(() => undefined);
      generations.push(generation);
      return generation;
    },
  };
  const all = Array.from({ length: prompts }, () => ({
    request: makeRequest(),
    newParser: () => plainParser,
  }));
  return { answer: new Answer(engine as Engine, all), generations };
}

function textOf({ choice, events }: AnswerPiece): string {
  return `${choice}${events.map((event) => ('text' in event ? event.text : '')).join('')}`;
}

describe('the pieces of an answer', () => {
  it('come in the order in which they were made, of each prompt in its own', async () => {
    const { answer, generations } = answerTo(3);
    const read: string[] = [];
    const reading = (async () => {
      for await (const piece of answer.pieces()) read.push(textOf(piece));
    })();
    for (const [prompt, text] of [
      [2, 'a'],
      [0, 'b'],
      [2, 'c'],
      [1, 'd'],
    ] as const) {
      generations[prompt]?.push(update(text));
      await new Promise(setImmediate);
    }
    for (const generation of generations) generation.end();
    await reading;
    expect(read).toEqual(['2a', '0b', '2c', '1d']);
  });

  it('end with the error of the first prompt that fails, and those of the others are heard too', async () => {
    const { answer, generations } = answerTo(2);
    const pieces = answer.pieces();
    const next = pieces.next();
    await new Promise(setImmediate);
    generations[1]?.end(new HeddleError('engine_crashed', 'gone'));
    generations[0]?.end(new HeddleError('engine_closed', 'closed'));
    await expect(next).rejects.toMatchObject({ code: 'engine_crashed' });
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
  });

  it('leave nothing behind at the prompts that are still silent', async () => {
    const silent = 60;
    const rounds = 200;
    const { answer, generations } = answerTo(silent + 1);
    const pieces = answer.pieces();
    let promises = 0;
    const hook = createHook({
      init: (_, type) => {
        if (type === 'PROMISE') promises++;
      },
    });
    const first = pieces.next();
    generations[0]?.push(update('a'));
    await first;
    hook.enable();
    for (let round = 0; round < rounds; round++) {
      generations[0]?.push(update('a'));
      await pieces.next();
    }
    hook.disable();
    expect(promises).toBeGreaterThan(rounds);
    expect(promises / rounds).toBeLessThan(silent / 2);
    answer.cancel();
  });
});
