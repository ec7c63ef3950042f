import { describe, expect, test } from 'vitest';
import type { OpenRunner } from '../core/model-runner.js';
import { fakeModel } from '../testing/engine-conformance.js';
import { FakeRunner, predictMemory } from '../testing/fake-runner.js';
import { makeRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineHost } from './engine-host.js';
import type { EngineCommand, EngineEvent } from './protocol.js';

/** What a host answers that is given these commands at once, and `close`, call 99, when it has nothing more to do. */
async function eventsFor(
  commands: readonly EngineCommand[],
  open?: OpenRunner,
  post: (event: EngineEvent) => void = () => {},
): Promise<EngineEvent[]> {
  const inbox = [...commands];
  const events: EngineEvent[] = [];
  const host = new EngineHost(
    {
      receive: () => inbox.shift(),
      arrival: async () => {
        inbox.push({ type: 'close', call: 99 });
        return Promise.resolve();
      },
      post: (event) => {
        post(event);
        events.push(structuredClone(event));
      },
    },
    {
      runner: {
        openRunner:
          open ?? (async (options, { abortFlag }) => Promise.resolve(new FakeRunner(options, abortFlag))),
        predictMemory,
      },
      board: new AbortBoard(),
      libraryLock: new Int32Array(1),
    },
  );
  await host.run();
  return events;
}

const load: EngineCommand = { type: 'load', call: 1, options: fakeModel() };

describe('an engine host', () => {
  test('answers each call once, in order, and what it did before the call comes first', async () => {
    const events = await eventsFor([
      load,
      { type: 'tokenize', call: 2, text: 'ab', addSpecial: false, parseSpecial: false },
      { type: 'generate', request: makeRequest({ stop: { maxTokens: 2 } }), lane: 0 },
      { type: 'inspect', call: 3 },
    ]);
    const kinds = events.map((event) => ('call' in event ? `${event.type} ${event.call}` : event.type));
    expect(kinds.filter((kind) => kind !== 'loading')).toEqual([
      'result 1',
      'result 2',
      'step',
      'result 3',
      'step',
      'step',
      'result 99',
    ]);
  });

  test('without a model refuses calls and fails requests, and then loads as if nothing had been', async () => {
    const request = makeRequest();
    const events = await eventsFor([
      { type: 'inspect', call: 5 },
      { type: 'generate', request, lane: 0 },
      { type: 'cancel', requestId: request.id },
      { type: 'set-threads', threads: 2 },
      load,
    ]);
    expect(events.slice(0, 2)).toMatchObject([
      { type: 'refused', call: 5, error: { code: 'engine_closed' } },
      {
        type: 'step',
        updates: [{ kind: 'failed', requestId: request.id, error: { code: 'engine_closed' } }],
      },
    ]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'result', call: 1 }));
  });

  test('holds one model', async () => {
    const events = await eventsFor([load, { ...load, call: 2 }]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'refused',
        call: 2,
        error: expect.objectContaining({ code: 'internal_error' }),
      }),
    );
    expect(events.at(-1)).toMatchObject({ type: 'result', call: 99, value: { running: 0 } });
  });

  test('tells what a load failed with, whatever was thrown, and loads another', async () => {
    let attempts = 0;
    const events = await eventsFor([load, { ...load, call: 2 }], async (options, { abortFlag }) => {
      if (++attempts === 1) throw new TypeError('odd');
      return Promise.resolve(new FakeRunner(options, abortFlag));
    });
    expect(events[0]).toMatchObject({ type: 'refused', call: 1, error: { code: 'internal_error' } });
    expect(events[1]).toMatchObject({ type: 'result', call: 2 });
  });

  test('frees the model when it can not go on', async () => {
    const runners: FakeRunner[] = [];
    const ended = eventsFor(
      [load, { type: 'generate', request: makeRequest(), lane: 0 }],
      async (options, { abortFlag }) => {
        const runner = new FakeRunner(options, abortFlag);
        runners.push(runner);
        return Promise.resolve(runner);
      },
      ({ type }) => {
        if (type === 'step') throw new Error('the gateway can not be told');
      },
    );
    await expect(ended).rejects.toThrow('the gateway can not be told');
    expect(runners.map(({ disposed }) => disposed)).toEqual([true]);
  });

  test('that is closed without a model has nothing to report', async () => {
    expect(await eventsFor([])).toEqual([{ type: 'result', call: 99, value: undefined }]);
  });

  test('reports progress once for each percent', async () => {
    const events = await eventsFor([load], async (options, { abortFlag, onProgress }) => {
      for (let step = 0; step <= 1000; step++) onProgress(step / 1000);
      return Promise.resolve(new FakeRunner(options, abortFlag));
    });
    const fractions = events.flatMap((event) => (event.type === 'loading' ? [event.fraction] : []));
    expect(fractions).toHaveLength(101);
    expect(fractions.at(-1)).toBe(1);
  });
});
