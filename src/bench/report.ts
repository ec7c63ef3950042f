import type { GroupComparison } from './comparison.js';
import type { Dialect } from './chat-client.js';
import type { Calibration } from './prompt-writer.js';
import type { BenchSettings } from './settings.js';
import type { Spread } from './statistics.js';
import type { GroupSummary } from './summary.js';
import { figure, percent, table } from './table.js';
import type { RequestRecord } from './workload.js';

export interface ServerReport {
  readonly url: string;
  readonly model: string;
  readonly secondModel?: string;
  readonly dialect: Dialect;
  /** Prompts are written by the first server's. */
  readonly calibration: Calibration;
}

export interface WorkloadReport {
  readonly name: string;
  readonly description: string;
  readonly notMeasured: readonly string[];
  /** Part of the time in which the measuring process itself was busy, 0 to 1. */
  readonly clientBusy: number;
  /** By server. */
  readonly servers: readonly {
    readonly groups: readonly GroupSummary[];
    readonly findings: readonly { readonly name: string; readonly unit: string; readonly value: Spread }[];
    /** Why rounds could not be run to their end; failed requests are not among them. */
    readonly problems: readonly string[];
    readonly requests: readonly RequestRecord[];
  }[];
  /** Second server over first. */
  readonly comparison?: readonly GroupComparison[];
}

export interface BenchReport {
  /** ISO 8601: when it began. */
  readonly date: string;
  readonly settings: BenchSettings;
  /** It was stopped before its end: what is here was measured until then. */
  readonly interrupted: boolean;
  readonly servers: readonly ServerReport[];
  readonly workloads: readonly WorkloadReport[];
}

/** From this part of the time on the client's own work may show in the figures. */
const busyClient = 0.5;

/** Requests that failed, and rounds that could not be run to their end. */
export function troubles({ workloads }: BenchReport): { failed: number; requests: number; problems: number } {
  const servers = workloads.flatMap((workload) => workload.servers);
  const groups = servers.flatMap((server) => server.groups);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  return {
    failed: sum(groups.map(failedOf)),
    requests: sum(groups.map(({ requests }) => requests)),
    problems: sum(servers.map(({ problems }) => problems.length)),
  };
}

/** The report as people read it. */
export function reportText(report: BenchReport): string {
  return [
    serversText(report),
    ...report.workloads.map((workload) => workloadText(report, workload)),
    limitsText(report),
    ...(report.interrupted ? ['Interrupted: only what was measured until then is above.\n'] : []),
  ].join('\n');
}

/** The report for programs: keys and texts left out, times of a request in ms from when it was sent. */
export function reportJson({ settings, workloads, ...report }: BenchReport): object {
  return {
    ...report,
    settings: { ...settings, targets: settings.targets.map(({ apiKey: _, ...target }) => target) },
    workloads: workloads.map(({ servers, ...workload }) => ({
      ...workload,
      servers: servers.map(({ requests, ...server }) => ({ ...server, requests: requests.map(requestJson) })),
    })),
    notMeasured: limits({ settings, workloads, ...report }),
  };
}

function requestJson({ text: _, sentAt, arrivals, endedAt, ...request }: RequestRecord): object {
  const since = (time: number): number => Math.round((time - sentAt) * 1000) / 1000;
  return { ...request, arrivals: arrivals.map(since), ended: since(endedAt) };
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
    String(failedOf(summary)),
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

const failedOf = ({ failures }: GroupSummary): number => failures.reduce((sum, { count }) => sum + count, 0);

function limitsText(report: BenchReport): string {
  return `Not measured, and how to read this:\n${limits(report)
    .map((line) => `- ${line}\n`)
    .join('')}`;
}

/** What these figures do not tell. */
function limits({ servers, settings, workloads }: BenchReport): string[] {
  const groups = workloads.flatMap(({ servers: results }) => results.flatMap((result) => result.groups));
  const early = groups.reduce((sum, { endedEarly }) => sum + endedEarly, 0);
  const pieces = groups.reduce((most, { tokensPerPiece = 1 }) => Math.max(most, tokensPerPiece), 1);
  const busy = workloads.reduce((most, { clientBusy }) => Math.max(most, clientBusy), 0);
  const few = groups.some(({ firstToken }) => firstToken !== undefined && firstToken.count < 100);
  return [
    'times are those of arrival at this client: the network, the connection and the load on this machine are in them',
    'memory, energy, and the quality of the text',
    ...new Set(workloads.flatMap(({ name, notMeasured }) => notMeasured.map((what) => `${name}: ${what}`))),
    ...(few ? ['p99 of TTFT: of fewer than 100 requests it is nearly the worst one'] : []),
    ...(settings.rounds < 3 ? ['the spread of the rounds: there were fewer than 3'] : []),
    ...(pieces > 1.05
      ? [
          `single tokens: up to ${figure(pieces)} tokens came with a piece of text on average, and gaps are of pieces`,
        ]
      : []),
    ...(early > 0 ? [`answers of the wanted length: ${early} ended by themselves before it`] : []),
    ...servers.flatMap(({ url, dialect, calibration }) => [
      ...(dialect.ignoreEos ? [] : [`${url} refuses ignore_eos: its answers end where the model ends them`]),
      ...(calibration.measured ? [] : [`${url} tells no token counts: tokens are pieces of text`]),
    ]),
    ...(busy > busyClient
      ? [`the server alone: this client was busy for ${percent(busy)} of the time, which is in the figures`]
      : []),
  ];
}

function spreadText({ median, least, greatest }: Spread): string {
  return least === greatest ? figure(median) : `${figure(median)} (${figure(least)} to ${figure(greatest)})`;
}

function serverName(index: number): string {
  return index === 0 ? 'A' : 'B';
}
