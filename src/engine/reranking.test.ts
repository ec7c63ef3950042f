import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EmbedRequest } from '../core/embedding.js';
import type { ErrorData } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import type { DocumentRelevance, RerankRequest } from '../core/reranking.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { beginToken, endToken } from '../testing/fake-vocabulary.js';
import { makeEmbedRequest, makeRerankRequest } from '../testing/requests.js';
import { AbortBoard } from './abort-board.js';
import { EngineCore } from './engine-core.js';

const reranker = 'fake:?pooling=none&outputRows=16';

type Room = { contextSize?: number; slots?: number; batchSize?: number; residentSlots?: number };

interface Outcome {
  readonly found: (DocumentRelevance | Float32Array)[];
  error: ErrorData | undefined;
}

/** An engine core on a fake model, stepped by hand. */
class Bench {
  readonly board = new AbortBoard();
  readonly runner: FakeRunner;
  readonly core: EngineCore;
  readonly #outcomes = new Map<string, Outcome>();
  #nextLane = 0;

  constructor(modelPath = reranker, room: Room = {}) {
    const options = { contextSize: 512, slots: 4, batchSize: 64, threads: 1, ...room };
    this.runner = new FakeRunner({ modelPath, ...options }, this.board.flag);
    this.core = new EngineCore(this.runner, this.board);
  }

  add(request: RerankRequest | EmbedRequest): number {
    const lane = this.#nextLane++;
    this.#outcomes.set(request.id, { found: [], error: undefined });
    if ('documents' in request) this.core.rerank(request, lane);
    else this.core.embed(request, lane);
    return lane;
  }

  run(): void {
    for (let steps = 0; !this.core.idle; steps++) {
      if (steps > 5000) throw new Error('the engine does not come to an end');
      this.core.step();
    }
  }

  outcome({ id }: { id: string }): Outcome {
    for (const update of this.core.takeUpdates()) {
      const outcome = this.#outcomes.get(update.requestId);
      if (outcome === undefined) throw new Error('an update of an unknown request');
      if (update.kind === 'relevance') {
        const { relevance, tokens } = update;
        outcome.found[update.document] = { relevance, tokens };
      } else if (update.kind === 'embedding') outcome.found[update.input] = update.embedding;
      else if (update.kind === 'failed') outcome.error = update.error;
    }
    const outcome = this.#outcomes.get(id);
    if (outcome === undefined) throw new Error('nothing was heard of the request');
    return outcome;
  }
}

function alone(query: string, document: string, modelPath = reranker): DocumentRelevance {
  const bench = new Bench(modelPath);
  const request = makeRerankRequest(query, [document]);
  bench.add(request);
  bench.run();
  return bench.outcome(request).found[0] as DocumentRelevance;
}

function bytes(text: string): Token[] {
  return [...new TextEncoder().encode(text)];
}

/** What the fake model says of these very tokens. */
function relevanceOf(tokens: readonly Token[]): number {
  const room = { contextSize: 512, slots: 1, batchSize: 512, threads: 1 };
  const runner = new FakeRunner(
    { modelPath: 'fake:?pooling=none&outputRows=512', ...room },
    new Uint8Array(2),
  );
  const span = { sequenceId: 1, slot: 0, start: 0, tokens, output: true };
  runner.decode({ spans: [span], rows: tokens.length, embeds: true });
  return runner.relevance(0);
}

describe('a query with a document', () => {
  test('is written with the marks of the vocabulary around and between them', () => {
    const tokens = [beginToken, ...bytes('who?'), endToken, ...bytes('me'), endToken];
    expect(alone('who?', 'me')).toEqual({ relevance: relevanceOf(tokens), tokens: tokens.length });
  });

  test('is written in the form that the model has for it', () => {
    const template = encodeURIComponent('<bos>{query} and {document}; {query}<eos>');
    const path = `fake:?pooling=none&rerankTemplate=${template}`;
    const tokens = [beginToken, ...bytes('{document} and {query}; {document}'), endToken];
    // What a client sends is not read as a part of the form.
    expect(alone('{document}', '{query}', path)).toEqual({
      relevance: relevanceOf(tokens),
      tokens: tokens.length,
    });
  });

  test.each([
    'fake:?pooling=none',
    `fake:?pooling=none&rerankTemplate=${encodeURIComponent('<bos>{query}:{document}<eos>')}`,
  ])('has control tokens only where its form has them: %s', (path) => {
    const plain = alone('q', 'd', path).tokens;
    expect(alone('q', '<eos>', path).tokens).toBe(plain + '<eos>'.length - 1);
    expect(alone('<bos>', 'd', path).tokens).toBe(plain + '<bos>'.length - 1);
  });

  test('can have a document without a character', () => {
    expect(alone('q', '')).toMatchObject({ tokens: 4 });
  });
});

describe('the documents of a request', () => {
  const documents = ['one', 'the second of them', 'x'.repeat(150), '', 'one', 'six'];

  test.each([
    [reranker, {}],
    [reranker, { slots: 1 }],
    ['fake:?pooling=none&canCut=false', { slots: 2 }],
    ['fake:?pooling=none&causal=false', { slots: 3, batchSize: 256 }],
  ] as const)('have the relevances that each has alone: %s %j', (path, room) => {
    const bench = new Bench(path, room);
    const request = makeRerankRequest('what is it?', documents);
    bench.add(request);
    bench.run();
    const alones = documents.map((document) =>
      path.includes('causal=false')
        ? relevanceOf([beginToken, ...bytes('what is it?'), endToken, ...bytes(document), endToken])
        : alone('what is it?', document, path).relevance,
    );
    const found = bench.outcome(request).found as DocumentRelevance[];
    expect(found.map(({ relevance }) => relevance)).toEqual(alones);
    expect(new Set(alones).size).toBe(documents.length - 1);
  });

  test('of a causal model are computed as prompts are, but for the last token', () => {
    const bench = new Bench('fake:?pooling=none&outputRows=8');
    bench.add(makeRerankRequest('', ['x'.repeat(97)]));
    bench.run();
    const counts = bench.core.inspect().recentSteps.map(({ rows }) => rows.map(({ count }) => count));
    expect(counts).toEqual([[64], [35], [1]]);
  });

  test('share what they begin with: the query is computed once, also for the next request', () => {
    const query = 'q'.repeat(100);
    const bench = new Bench(reranker, { residentSlots: 8 });
    const rowsOf = (request: RerankRequest): number => {
      const { steps } = bench.core.inspect();
      bench.add(request);
      bench.run();
      const { recentSteps, steps: last } = bench.core.inspect();
      const counts = recentSteps.slice(recentSteps.length - (last - steps)).flatMap(({ rows }) => rows);
      return counts.reduce((sum, { count }) => sum + count, 0);
    };
    const many = makeRerankRequest(query, ['one', 'two', 'three', 'four', 'five', 'six']);
    const parts = many.documents.reduce((sum, document) => sum + document.length + 1, 0);
    const begin = 1 + query.length + 1;
    // Documents that begin with the same letter share it too.
    expect(rowsOf(many)).toBeLessThanOrEqual(begin + parts);
    expect(rowsOf(makeRerankRequest(query, ['another']))).toBe('another'.length + 1);
    const found = bench.outcome(many).found as DocumentRelevance[];
    expect(found).toEqual(many.documents.map((document) => alone(query, document)));
  });

  test('that can not be read fail the request, which says which one it was', () => {
    const bench = new Bench();
    const request = makeRerankRequest('q', ['fits', 'x'.repeat(600), 'fits']);
    bench.add(request);
    bench.run();
    expect(bench.outcome(request).error).toMatchObject({
      code: 'context_length_exceeded',
      param: 'documents[1]',
    });
    const none = makeRerankRequest('q', []);
    bench.add(none);
    expect(bench.outcome(none).error).toMatchObject({ code: 'invalid_parameter', param: 'documents' });
    expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
  });

  test('are no longer worked on when their client leaves', () => {
    const bench = new Bench();
    const leaving = makeRerankRequest(
      'q',
      Array.from({ length: 50 }, () => 'x'.repeat(100)),
    );
    const staying = makeRerankRequest('who?', ['me']);
    bench.add(leaving);
    bench.add(staying);
    bench.core.step();
    bench.core.cancel(leaving.id);
    bench.run();
    expect(bench.outcome(leaving).error?.code).toBe('request_cancelled');
    expect(bench.outcome(staying).found).toEqual([alone('who?', 'me')]);
    expect(bench.core.inspect().steps).toBeLessThan(10);
  });
});

describe('inputs of several requests share decode calls', () => {
  const requests = {
    embed: (index: number) => makeEmbedRequest([`input ${index}`, `another ${index}`]),
    rerank: (index: number) => makeRerankRequest(`query ${index}`, [`document ${index}`]),
  };

  test.each([
    ['embed', 'fake:?causal=false', 1],
    ['rerank', 'fake:?causal=false&pooling=none', 1],
    ['embed', 'fake:?kind=embedding&pooling=last&outputRows=16', 2],
    ['rerank', 'fake:?pooling=none&outputRows=16', 2],
  ] as const)('to %s, on %s', (task, path, most) => {
    const four = [1, 2, 3, 4].map((index) => requests[task](index));
    const together = new Bench(path, { slots: 8, batchSize: 256 });
    for (const request of four) together.add(request);
    together.run();
    const { steps, recentSteps } = together.core.inspect();
    expect(steps).toBe(most);
    for (const { rows } of recentSteps) expect(new Set(rows.map(({ requestId }) => requestId)).size).toBe(4);
    const inTurn = new Bench(path, { slots: 8, batchSize: 256 });
    for (const [index, request] of four.entries()) {
      inTurn.add({ ...request, id: `alone ${index}` });
      inTurn.run();
      expect(together.outcome(request)).toEqual(inTurn.outcome({ id: `alone ${index}` }));
    }
    expect(inTurn.core.inspect().steps).toBe(4 * most);
  });

  test('but for those that stand behind others: each has its turn between the inputs of a large request', () => {
    const bench = new Bench('fake:?causal=false&pooling=none', { slots: 2, batchSize: 64 });
    const large = makeRerankRequest(
      'q',
      Array.from({ length: 100 }, (_, index) => `document ${index}`),
    );
    const later = makeRerankRequest('q', ['another']);
    bench.add(large);
    bench.add(later);
    while (bench.outcome(later).found.length === 0) bench.core.step();
    expect(bench.outcome(large).found.filter(Boolean).length).toBeLessThan(6);
    bench.run();
    expect(bench.outcome(large).found).toHaveLength(100);
  });
});

describe('whatever comes at once', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' '), minLength: 1, maxLength: 60 });
  const request = fc.record({
    query: text,
    documents: fc.array(text, { minLength: 1, maxLength: 6 }),
    arrives: fc.nat(15),
    leavesAfter: fc.option(fc.nat(10), { nil: undefined, freq: 4 }),
  });
  const room = fc.record({
    outputRows: fc.integer({ min: 1, max: 20 }),
    slots: fc.integer({ min: 1, max: 5 }),
    batchSize: fc.integer({ min: 8, max: 40 }),
    contextSize: fc.integer({ min: 130, max: 240 }),
    residentSlots: fc.integer({ min: 0, max: 6 }),
    canCut: fc.boolean(),
    abortEvery: fc.option(fc.integer({ min: 25, max: 90 }), { nil: undefined }),
  });

  test('every document of a request that stays has the relevance that it has alone', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 8 }), room, (given, options) => {
        const { outputRows, canCut, abortEvery, ...size } = options;
        const path = `fake:?pooling=none&outputRows=${outputRows}&canCut=${canCut}`;
        const bench = new Bench(path, size);
        let rows = 0;
        if (abortEvery !== undefined)
          bench.runner.beforeRow = () => {
            if (++rows % abortEvery === 0 && rows < 20 * abortEvery) Atomics.store(bench.board.flag, 0, 1);
          };
        const made = given.map((one) => ({ ...one, request: makeRerankRequest(one.query, one.documents) }));
        for (let step = 0; step < 40; step++) {
          for (const one of made) {
            if (one.arrives === step) bench.add(one.request);
            if (one.leavesAfter !== undefined && one.arrives + one.leavesAfter === step)
              bench.core.cancel(one.request.id);
          }
          bench.core.step();
        }
        bench.run();
        for (const { request: asked, leavesAfter } of made) {
          const { found, error } = bench.outcome(asked);
          if (leavesAfter !== undefined && error?.code === 'request_cancelled') continue;
          expect(error).toBeUndefined();
          expect(found).toEqual(asked.documents.map((document) => alone(asked.query, document)));
        }
        expect(bench.core.inspect()).toMatchObject({ running: 0, waiting: 0, usedCells: 0 });
      }),
      { numRuns: 60 },
    );
  });
});
