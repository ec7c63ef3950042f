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
    readonly requests: readonly RequestRecord[];
  }[];
  /** Second server over first. */
  readonly comparison?: readonly GroupComparison[];
}

export interface BenchReport {
  /** ISO 8601: when it began. */
  readonly date: string;
  readonly settings: BenchSettings;
  readonly servers: readonly ServerReport[];
  readonly workloads: readonly WorkloadReport[];
}

/** From this part of the time on the client's own work may show in the figures. */
const busyClient = 0.5;

/** The report as people read it. */
export function reportText(report: BenchReport): string {
  return [
    serversText(report),
    ...report.workloads.map((workload) => workloadText(report, workload)),
    limitsText(report),
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
  const rows = [...new Set(names)].flatMap((name) => [
    ...workload.servers.flatMap(({ groups }, index) =>
      groups
        .filter(({ group }) => group === name)
        .map((group) => groupRow(group, several ? `${name}, ${serverName(index)}` : name)),
    ),
    ...(workload.comparison ?? []).filter(({ group }) => group === name).map(ratioRow),
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
  return [
    `${workload.name}: ${workload.description}\n`,
    table([header, ...rows]),
    `good: TTFT at most ${firstToken} ms and p99 of the gaps at most ${gap} ms\n`,
    ...findings,
    ...failures,
  ].join('');
}

const header = [
  '',
  'requests',
  'failed',
  'TTFT ms p50',
  '95 % interval',
  'p90',
  'p99',
  'gap ms p50',
  'p99',
  'worst',
  'tokens/s of one',
  'of all',
  'least to greatest',
  'good',
  'cached',
  'of seen',
];

function groupRow(summary: GroupSummary, name: string): string[] {
  const { firstToken, gap, tokensPerSecond, cachedTokens, promptTokens } = summary;
  const interval = firstToken?.medianInterval;
  return [
    name,
    String(summary.requests),
    String(summary.failures.reduce((sum, { count }) => sum + count, 0)),
    figure(firstToken?.p50),
    interval === undefined ? '-' : `${figure(interval[0])} to ${figure(interval[1])}`,
    figure(firstToken?.p90),
    figure(firstToken?.p99),
    figure(gap?.p50),
    figure(gap?.p99),
    figure(gap?.worst),
    figure(summary.tokensPerSecondOfOne?.p50),
    figure(tokensPerSecond?.median),
    tokensPerSecond === undefined
      ? '-'
      : `${figure(tokensPerSecond.least)} to ${figure(tokensPerSecond.greatest)}`,
    percent(summary.goodput),
    cachedTokens === undefined || promptTokens === 0 ? '-' : percent(cachedTokens / promptTokens),
    percent(summary.cachedOfSeen),
  ];
}

/** Ratios stand in the columns of what they are ratios of. */
function ratioRow({ ratios }: GroupComparison): string[] {
  const { firstToken, gapP99, worstGap, tokensPerSecond } = ratios;
  const range = (value: Spread | undefined): string =>
    value === undefined ? '' : `${figure(value.least)} to ${figure(value.greatest)}`;
  const times = (value: Spread | undefined): string => (value === undefined ? '' : figure(value.median));
  return [
    '  B / A, of the rounds',
    '',
    '',
    times(firstToken),
    range(firstToken),
    '',
    '',
    '',
    times(gapP99),
    times(worstGap),
    '',
    times(tokensPerSecond),
    range(tokensPerSecond),
  ];
}

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
