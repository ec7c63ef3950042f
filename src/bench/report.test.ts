import { describe, expect, it } from 'vitest';
import { compareGroups } from './comparison.js';
import { reportJson } from './report-json.js';
import { reportText } from './report-text.js';
import { troubles, type BenchReport } from './report.js';
import { defaultBench, defaultScale, type BenchSettings } from './settings.js';
import { summarize } from './summary.js';
import type { RequestRecord } from './workload.js';

const settings: BenchSettings = {
  ...defaultBench,
  targets: [{ url: 'http://a', apiKey: 'secret-key' }, { url: 'http://b' }],
  seed: 'seed',
  scale: defaultScale,
  body: {},
};
const calibration = { tokensPerWord: 1.5, templateTokens: 8, measured: true };
const dialect = { ignoreEos: true, usage: true };

const request = (fields: Partial<RequestRecord> = {}): RequestRecord => ({
  group: 'requests',
  round: 0,
  sentAt: 500,
  arrivals: [550, 560.12345],
  endedAt: 600,
  text: 'What nobody should read.',
  promptTokens: 10,
  completionTokens: 2,
  cancelled: false,
  ...fields,
});

/** A report of one workload, its requests by server. */
function report(
  requests: readonly (readonly RequestRecord[])[],
  fields: Partial<BenchReport> = {},
): BenchReport {
  const groups = requests.map((records) => summarize(records, settings.goodput));
  const [first = [], second] = groups;
  return {
    date: '2026-01-01T00:00:00.000Z',
    settings,
    interrupted: false,
    servers: requests.map((_, index) => ({ url: `http://${index}`, model: 'one', dialect, calibration })),
    workloads: [
      {
        name: 'steady',
        description: 'unrelated requests',
        notMeasured: ['the weather'],
        clientBusy: 0.1,
        servers: requests.map((records, index) => ({
          groups: groups[index] ?? [],
          findings: [{ name: 'wait', unit: 'ms', value: { median: 2, least: 1, greatest: 3 } }],
          problems: [],
          requests: records,
        })),
        ...(second === undefined ? {} : { comparison: compareGroups(first, second) }),
      },
    ],
    ...fields,
  };
}

/** The cells of the line that begins like this. */
const cells = (text: string, beginning: string): string[] | undefined =>
  text
    .split('\n')
    .find((line) => line.startsWith(beginning))
    ?.split(/ {2,}/);

describe('the report as text', () => {
  it('has a line for each group, with its figures', () => {
    const text = reportText(report([[request(), request({ sentAt: 520 })]]));
    expect(cells(text, 'requests')?.slice(0, 4)).toEqual(['requests', '2', '0', '40.0']);
    expect(text).toContain('good: TTFT at most 2000 ms and p99 of the gaps at most 150 ms\n');
    expect(text).toContain('wait: 2.00 (1.00 to 3.00) ms\n');
    expect(text).toContain('- steady: the weather\n');
  });

  it('names two servers A and B, and has their ratios below them', () => {
    const text = reportText(report([[request()], [request({ sentAt: 450 })]]));
    expect(text).toContain('A: http://0, one, 1.50 tokens a word\nB: http://1, one');
    expect(cells(text, 'requests, B')?.slice(0, 4)).toEqual(['requests, B', '1', '0', '100']);
    expect(cells(text, '  B / A, of the rounds')).toEqual([
      '',
      'B / A, of the rounds',
      '2.00',
      '2.00 to 2.00',
      '1.00',
      '1.00',
    ]);
  });

  it('tells what failed, how often and why, and what could not be run', () => {
    const failure = { kind: 'http 500', message: 'Out of luck.' };
    const failed = report([[request(), request({ failure, arrivals: [] })]]);
    const text = reportText(failed);
    expect(text).toContain('failed, requests: 1 times http 500: Out of luck.\n');
    expect(troubles(failed)).toEqual({ failed: 1, requests: 2, problems: 0 });
  });

  it('says when it is short of its end, and by what its figures are limited', () => {
    const limited = report([[request({ finishReason: 'stop', completionTokens: 6 })]], {
      interrupted: true,
      servers: [
        {
          url: 'http://0',
          model: 'one',
          dialect: { ignoreEos: false, usage: false },
          calibration: { ...calibration, measured: false },
        },
      ],
    });
    const text = reportText(limited);
    expect(text).toContain('Interrupted: only what was measured until then is above.\n');
    expect(text).toContain('- answers of the wanted length: 1 ended by themselves before it\n');
    expect(text).toContain('- single tokens: up to 3.00 tokens came with a piece of text on average');
    expect(text).toContain('- http://0 refuses ignore_eos');
    expect(text).toContain('- http://0 tells no token counts');
  });
});

describe('the report as JSON', () => {
  const json = JSON.parse(JSON.stringify(reportJson(report([[request({ sentAt: 400 }), request()]])))) as {
    settings: { targets: object[] };
    workloads: { servers: { requests: object[]; groups: object[] }[] }[];
    notMeasured: string[];
  };

  it('has the times of every request, in ms', () => {
    expect(json.workloads[0]?.servers[0]?.requests[1]).toEqual({
      group: 'requests',
      round: 0,
      sent: 100,
      arrivals: [50, 60.123],
      ended: 100,
      promptTokens: 10,
      completionTokens: 2,
      cancelled: false,
    });
  });

  it('has the summary that the table shows, and what was not measured', () => {
    expect(json.workloads[0]?.servers[0]?.groups[0]).toMatchObject({ group: 'requests', requests: 2 });
    expect(json.notMeasured).toContain('steady: the weather');
  });

  it('has no keys and no texts', () => {
    expect(json.settings.targets).toEqual([{ url: 'http://a' }, { url: 'http://b' }]);
    expect(JSON.stringify(json)).not.toMatch(/secret-key|nobody should read/);
  });
});
