import type { GroupComparison } from './comparison.js';
import { limitsOf } from './report-limits.js';
import { failuresOf, type BenchReport, type WorkloadReport } from './report.js';
import type { Spread } from './statistics.js';
import type { GroupSummary } from './summary.js';
import { figure, percent, table } from './table.js';

/** The report as people read it. */
export function reportText(report: BenchReport): string {
  return [
    serversText(report),
    ...report.workloads.map((workload) => workloadText(report, workload)),
    limitsText(report),
    ...(report.interrupted ? ['Interrupted: only what was measured until then is above.\n'] : []),
  ].join('\n');
}

function serversText({ servers, settings, date }: BenchReport): string {
  const lines = servers.map(({ url, model, secondModel, calibration }, index) => {
    const name = servers.length > 1 ? `${serverName(index)}: ` : '';
    const models = secondModel === undefined ? model : `${model} (second: ${secondModel})`;
    const words = calibration.measured
      ? `${figure(calibration.tokensPerWord)} tokens a word`
      : 'tells no token counts; 1.3 tokens a word assumed';
    return `${name}${url}, ${models}, ${words}\n`;
  });
  const { rounds, seed } = settings;
  return `${lines.join('')}${date}, rounds: ${rounds}, seed: ${seed}\n`;
}

function workloadText({ servers, settings }: BenchReport, workload: WorkloadReport): string {
  const several = servers.length > 1;
  const { firstToken, gap } = settings.goodput;
  const names = workload.servers.flatMap(({ groups }) => groups.map(({ group }) => group));
  const rowsOf = (
    row: (group: GroupSummary) => readonly string[],
    ratios: (comparison: GroupComparison) => readonly string[],
  ): string[][] =>
    [...new Set(names)].flatMap((name) => [
      ...workload.servers.flatMap(({ groups }, index) =>
        groups
          .filter(({ group }) => group === name)
          .map((group) => [several ? `${name}, ${serverName(index)}` : name, ...row(group)]),
      ),
      ...(workload.comparison ?? [])
        .filter(({ group }) => group === name)
        .map((comparison) => ['  B / A, of the rounds', ...ratios(comparison)]),
    ]);
  const findings = workload.servers.flatMap((server, index) =>
    server.findings.map(
      ({ name, unit, value }) =>
        `${several ? `${serverName(index)}: ` : ''}${name}: ${spreadText(value)} ${unit}`.trimEnd() + '\n',
    ),
  );
  const failures = workload.servers.flatMap((server, index) =>
    server.groups.flatMap(({ group, failures: kinds }) =>
      kinds.map(
        ({ kind, count, example }) =>
          `failed${several ? `, ${serverName(index)}` : ''}, ${group}: ${count} times ${kind}: ${example}\n`,
      ),
    ),
  );
  const problems = workload.servers.flatMap((server, index) =>
    server.problems.map((problem) => `${several ? `${serverName(index)}: ` : ''}${problem}\n`),
  );
  return [
    `${workload.name}: ${workload.description}\n`,
    table([latencyHeader, ...rowsOf(latencyRow, latencyRatios)]),
    '\n',
    table([workHeader, ...rowsOf(workRow, workRatios)]),
    `good: TTFT at most ${firstToken} ms and p99 of the gaps at most ${gap} ms\n`,
    ...findings,
    ...failures,
    ...problems,
  ].join('');
}

const latencyHeader = [
  '',
  'requests',
  'failed',
  'TTFT ms p50',
  '95 % interval',
  'p90',
  'p99',
  'gap ms p50',
  'p90',
  'p99',
  'worst',
];

function latencyRow(summary: GroupSummary): string[] {
  const { requests, firstToken, gap } = summary;
  const interval = firstToken?.medianInterval;
  return [
    String(requests),
    String(failuresOf(summary)),
    figure(firstToken?.p50),
    interval === undefined ? '-' : `${figure(interval[0])} to ${figure(interval[1])}`,
    figure(firstToken?.p90),
    figure(firstToken?.p99),
    figure(gap?.p50),
    figure(gap?.p90),
    figure(gap?.p99),
    figure(gap?.worst),
  ];
}

/** Ratios stand in the columns of what they are ratios of; beside the median, the least and the greatest. */
function latencyRatios({ ratios: { firstToken, gapP99, worstGap } }: GroupComparison): string[] {
  return [
    '',
    '',
    timesOf(firstToken),
    rangeOf(firstToken),
    '',
    '',
    '',
    '',
    timesOf(gapP99),
    timesOf(worstGap),
  ];
}

const workHeader = [
  '',
  'tokens/s of one',
  'of all',
  'least to greatest',
  'good',
  'good/s',
  'prompt tokens',
  'cached',
  'of seen',
];

function workRow(summary: GroupSummary): string[] {
  const { tokensPerSecond, tokensPerSecondOfOne, goodPerSecond, cachedTokens, promptTokens } = summary;
  return [
    figure(tokensPerSecondOfOne?.p50),
    figure(tokensPerSecond?.median),
    tokensPerSecond === undefined ? '-' : rangeOf(tokensPerSecond),
    percent(summary.goodput),
    figure(goodPerSecond?.median),
    promptTokens === 0 ? '-' : String(promptTokens),
    cachedTokens === undefined || promptTokens === 0 ? '-' : percent(cachedTokens / promptTokens),
    percent(summary.cachedOfSeen),
  ];
}

function workRatios({ ratios: { tokensPerSecond, goodPerSecond } }: GroupComparison): string[] {
  return ['', timesOf(tokensPerSecond), rangeOf(tokensPerSecond), '', timesOf(goodPerSecond)];
}

const timesOf = (ratio: Spread | undefined): string => (ratio === undefined ? '' : figure(ratio.median));

const rangeOf = (value: Spread | undefined): string =>
  value === undefined ? '' : `${figure(value.least)} to ${figure(value.greatest)}`;

function limitsText(report: BenchReport): string {
  return `Not measured, and how to read this:\n${limitsOf(report)
    .map((line) => `- ${line}\n`)
    .join('')}`;
}

function spreadText({ median, least, greatest }: Spread): string {
  return least === greatest ? figure(median) : `${figure(median)} (${figure(least)} to ${figure(greatest)})`;
}

function serverName(index: number): string {
  return index === 0 ? 'A' : 'B';
}
