import type { GroupComparison } from './comparison.js';
import type { Dialect } from './chat-client.js';
import type { Calibration } from './prompt-writer.js';
import type { BenchSettings } from './settings.js';
import type { Spread } from './statistics.js';
import type { GroupSummary } from './summary.js';
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

/** Requests that failed, and rounds that could not be run to their end. */
export function troubles({ workloads }: BenchReport): { failed: number; requests: number; problems: number } {
  const servers = workloads.flatMap((workload) => workload.servers);
  const groups = servers.flatMap((server) => server.groups);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  return {
    failed: sum(groups.map(failuresOf)),
    requests: sum(groups.map(({ requests }) => requests)),
    problems: sum(servers.map(({ problems }) => problems.length)),
  };
}

/** Requests of a group that failed. */
export function failuresOf({ failures }: GroupSummary): number {
  return failures.reduce((sum, { count }) => sum + count, 0);
}
