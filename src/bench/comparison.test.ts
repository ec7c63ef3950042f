import { expect, it } from 'vitest';
import { compareGroups } from './comparison.js';
import { summarize } from './summary.js';
import type { RequestRecord } from './workload.js';

const targets = { firstToken: 1000, gap: 1000 };

/** A request whose first token takes so long. */
const request = (round: number, time: number, group = 'requests'): RequestRecord => ({
  group,
  round,
  sentAt: 0,
  arrivals: [time, time + 10],
  endedAt: time + 20,
  text: '',
  cancelled: false,
});

it('a ratio is the second server over the first, of the same round', () => {
  const first = summarize([request(0, 100), request(1, 1000)], targets);
  const second = summarize([request(0, 200), request(1, 1000)], targets);
  expect(compareGroups(first, second)).toMatchObject([
    {
      group: 'requests',
      ratios: { firstToken: { median: 1.5, least: 1, greatest: 2 }, gapP99: { median: 1 } },
    },
  ]);
});

it('rounds are paired by their number, not by their place', () => {
  const first = summarize([request(1, 100)], targets);
  const second = summarize([request(0, 500), request(1, 100)], targets);
  expect(compareGroups(first, second)[0]?.ratios.firstToken).toEqual({ median: 1, least: 1, greatest: 1 });
});

it('a group that one of them lacks has no ratios', () => {
  const first = summarize([request(0, 100, 'turn 1'), request(0, 100, 'turn 2')], targets);
  const second = summarize([request(0, 100, 'turn 1')], targets);
  expect(compareGroups(first, second).map(({ group }) => group)).toEqual(['turn 1']);
});
