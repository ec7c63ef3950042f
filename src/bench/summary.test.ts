import { describe, expect, it } from 'vitest';
import { summarize, summarizeFindings } from './summary.js';
import type { RequestRecord } from './workload.js';

const targets = { firstToken: 100, gap: 20 };

/** A request that gets a token after 50 ms and then one every 10 ms, 5 in all. */
function request(fields: Partial<RequestRecord> = {}): RequestRecord {
  const { sentAt = 1000 } = fields;
  return {
    group: 'requests',
    round: 0,
    sentAt,
    arrivals: [50, 60, 70, 80, 90].map((time) => sentAt + time),
    endedAt: sentAt + 100,
    text: 'text',
    promptTokens: 40,
    completionTokens: 5,
    cancelled: false,
    ...fields,
  };
}

function only(records: readonly RequestRecord[]) {
  const [summary, ...others] = summarize(records, targets);
  expect(others).toEqual([]);
  if (summary === undefined) throw new Error('there is no summary');
  return summary;
}

describe('a summary', () => {
  it('measures the first token from when the request was sent, and gaps within each stream', () => {
    const { firstToken, gap } = only([request(), request({ sentAt: 5000 })]);
    expect(firstToken).toMatchObject({ count: 2, p50: 50, worst: 50 });
    expect(gap).toMatchObject({ count: 8, p50: 10, worst: 10 });
  });

  it('divides tokens by the wall time of the round, and takes the median of the rounds', () => {
    // Two requests that overlap: 10 tokens from 0 to 150 ms; then 5 tokens in 100 ms; then 5 in 100.
    const records = [
      request({ sentAt: 0 }),
      request({ sentAt: 50 }),
      request({ sentAt: 1000, round: 1 }),
      request({ sentAt: 2000, round: 2 }),
    ];
    const { tokensPerSecond, tokensPerSecondOfOne } = only(records);
    expect(tokensPerSecond).toEqual({ median: 50, least: 50, greatest: expect.closeTo(66.67, 2) as number });
    expect(tokensPerSecondOfOne?.p50).toBeCloseTo(100);
  });

  it('counts pieces of text where the server counts no tokens', () => {
    const { completionTokens: _, ...uncounted } = request();
    expect(only([uncounted]).completionTokens).toBe(5);
  });

  it('has failures by kind, in no latency, their time in the throughput, and not good', () => {
    const failure = { kind: 'timeout', message: 'It took long.' };
    const hung = request({ sentAt: 0, arrivals: [], endedAt: 400, completionTokens: 0, failure });
    const summary = only([request({ sentAt: 0 }), hung, { ...hung, sentAt: 1 }]);
    expect(summary).toMatchObject({
      requests: 3,
      failures: [{ kind: 'timeout', count: 2, example: 'It took long.' }],
    });
    expect(summary.firstToken?.count).toBe(1);
    expect(summary.tokensPerSecond?.median).toBeCloseTo(5 / 0.4);
    expect(summary.goodput).toBeCloseTo(1 / 3);
    expect(summary.goodPerSecond?.median).toBeCloseTo(1 / 0.4);
  });

  it('says so when all failed: no latency, no tokens, nothing good', () => {
    const failure = { kind: 'connect', message: 'Nobody is there.' };
    const summary = only([request({ arrivals: [], failure })]);
    expect(summary).toMatchObject({ requests: 1, goodput: 0, promptTokens: 0, completionTokens: 0 });
    expect(summary.goodPerSecond?.median).toBe(0);
    expect(summary).not.toHaveProperty('firstToken');
    expect(summary).not.toHaveProperty('gap');
  });

  it('counts what a workload gave up apart', () => {
    const summary = only([request(), request({ cancelled: true, arrivals: [], endedAt: 9000 })]);
    expect(summary).toMatchObject({ requests: 2, cancelled: 1, failures: [], goodput: 1 });
    expect(summary.tokensPerSecond?.median).toBeCloseTo(50);
  });

  describe('calls an answer good', () => {
    const good = (fields: Partial<RequestRecord>): boolean => only([request(fields)]).goodput === 1;
    const sentAt = 1000;

    it('when both targets are met, to the millisecond', () => {
      expect(good({ arrivals: [sentAt + 100, sentAt + 120] })).toBe(true);
      expect(good({ arrivals: [sentAt + 101, sentAt + 120] })).toBe(false);
      expect(good({ arrivals: [sentAt + 100, sentAt + 121] })).toBe(false);
    });

    it('when one gap of three hundred is long, not when one of fifty is', () => {
      const withLongGap = (gaps: number): number[] =>
        Array.from(
          { length: gaps + 1 },
          (_, index) => sentAt + 50 + index * 10 + (index === gaps ? 1000 : 0),
        );
      expect(good({ arrivals: withLongGap(300) })).toBe(true);
      expect(good({ arrivals: withLongGap(50) })).toBe(false);
    });
  });

  describe('of cached tokens', () => {
    it('has none where the server never tells', () => {
      const summary = only([request({ seenTokens: 30 })]);
      expect(summary).not.toHaveProperty('cachedTokens');
      expect(summary).not.toHaveProperty('cachedOfSeen');
    });

    it('takes silence for none where the server tells of others', () => {
      const summary = only([request({ seenTokens: 30, cachedTokens: 30 }), request({ seenTokens: 30 })]);
      expect(summary).toMatchObject({ cachedTokens: 30, cachedOfSeen: 0.5 });
    });

    it('lets no request that finds more than was seen make up for another', () => {
      const summary = only([
        request({ seenTokens: 20, cachedTokens: 40 }),
        request({ seenTokens: 20, cachedTokens: 0 }),
      ]);
      expect(summary).toMatchObject({ cachedTokens: 40, cachedOfSeen: 0.5 });
    });
  });

  it('keeps groups apart, in the order in which they began', () => {
    const summaries = summarize(
      [request({ group: 'b' }), request({ group: 'a' }), request({ group: 'b' })],
      targets,
    );
    expect(summaries.map(({ group, requests }) => [group, requests])).toEqual([
      ['b', 2],
      ['a', 1],
    ]);
  });
});

it('findings of one name become one spread', () => {
  const values = [3, 1, 2].map((value) => ({ name: 'wait', unit: 'ms', value }));
  expect(summarizeFindings([...values, { name: 'late', unit: '', value: 0 }])).toEqual([
    { name: 'wait', unit: 'ms', value: { median: 2, least: 1, greatest: 3 } },
    { name: 'late', unit: '', value: { median: 0, least: 0, greatest: 0 } },
  ]);
});
