import { limitsOf } from './report-limits.js';
import type { BenchReport } from './report.js';
import type { TargetSettings } from './settings.js';
import type { RequestRecord } from './workload.js';

/**
 * The report for programs: keys and texts left out. Of a request, `sent` is in ms from when the workload's first request to
 * any server was sent, the other times in ms from when it was sent itself.
 */
export function reportJson(report: BenchReport): object {
  return {
    ...report,
    settings: { ...report.settings, targets: report.settings.targets.map(withoutKey) },
    workloads: report.workloads.map(({ servers, ...workload }) => {
      const first = servers
        .flatMap(({ requests }) => requests)
        .reduce((least, { sentAt }) => Math.min(least, sentAt), Infinity);
      return {
        ...workload,
        servers: servers.map((server) => ({
          ...server,
          requests: server.requests.map((request) => requestJson(request, first)),
        })),
      };
    }),
    notMeasured: limitsOf(report),
  };
}

function withoutKey({ url, model, secondModel }: TargetSettings): Omit<TargetSettings, 'apiKey'> {
  return {
    url,
    ...(model === undefined ? {} : { model }),
    ...(secondModel === undefined ? {} : { secondModel }),
  };
}

function requestJson(request: RequestRecord, first: number): object {
  const { sentAt, arrivals, endedAt } = request;
  const between = (from: number, to: number): number => Math.round((to - from) * 1000) / 1000;
  return {
    ...request,
    text: undefined,
    sentAt: undefined,
    endedAt: undefined,
    sent: between(first, sentAt),
    arrivals: arrivals.map((time) => between(sentAt, time)),
    ended: between(sentAt, endedAt),
  };
}
