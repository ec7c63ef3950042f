import type { BenchReport } from './report.js';
import { figure, percent } from './table.js';

/** From this part of the time on the client's own work may show in the figures. */
const busyClient = 0.5;

/** What these figures do not tell. */
export function limitsOf({ servers, settings, workloads }: BenchReport): string[] {
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
