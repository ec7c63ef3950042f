/*
 * What policies of the scheduler do with a recorded trace, on a machine that is nothing but a cost model and a clock: about
 * a model of 0.6 billion parameters on two cores. Nothing is measured here, so other work on the machine changes nothing;
 * the same scheduler is at work as in an engine.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SchedulingPolicy } from '../../dist/scheduler/policy.js';
import type { SchedulerLimits } from '../../dist/scheduler/scheduler.js';
import { attendedBy } from '../../dist/scheduler/step-cost.js';
import {
  firstTokenAfter,
  gapsOf,
  SimulatedMachine,
  smallMachine,
  type Served,
} from '../../dist/testing/simulated-machine.js';
import type { TraceRequest } from './make-trace.js';
import { percentile } from './statistics.js';

const traceFile = fileURLToPath(new URL('../traces/chat-and-agents.json', import.meta.url));
const trace = JSON.parse(readFileSync(traceFile, 'utf8')) as readonly TraceRequest[];
const slots = Number(process.env['SLOTS'] ?? 8);
const target = Number(process.env['TARGET'] ?? 150);

const policies: readonly (readonly [name: string, policy: SchedulingPolicy, stepBudget: number])[] = [
  ['first come, steps of 512', { order: 'arrival', interTokenTarget: Infinity }, 512],
  ['first come, steps of 64', { order: 'arrival', interTokenTarget: Infinity }, 64],
  ['first come, adaptive', { order: 'arrival', interTokenTarget: target }, 512],
  ['shortest first, steps of 512', { order: 'shortest', interTokenTarget: Infinity }, 512],
  ['shortest first, adaptive', { order: 'shortest', interTokenTarget: target }, 512],
];
const kinds = ['chat', 'agent', 'completion', 'batch'] as const;

/** Milliseconds from a request's arrival to its last token, over those it takes on a machine of its own. */
function slowdown({ arrival: { at, promptTokens, generate }, tokenTimes }: Served): number {
  let alone = smallMachine({ rows: promptTokens, outputs: 1, attended: attendedBy(0, promptTokens) }, 0);
  for (let token = 1; token < generate; token++) {
    alone += smallMachine({ rows: 1, outputs: 1, attended: promptTokens + token }, 0);
  }
  return ((tokenTimes.at(-1) ?? Infinity) - at) / alone;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The most that one key of normal priority was served more than another while both had a request without a token yet;
 * tokens, prompt and generated. Sheng et al., Fairness in Serving Large Language Models (OSDI 2024), compare by it.
 */
function unfairness(served: readonly Served[], service: SimulatedMachine['service']): number {
  const waits = new Map<string, (readonly [from: number, to: number])[]>();
  for (const { arrival, tokenTimes } of served) {
    const { at, priority, fairnessKey = '' } = arrival;
    if (priority !== 'normal') continue;
    waits.set(fairnessKey, [...(waits.get(fairnessKey) ?? []), [at, tokenTimes[0] ?? Infinity]]);
  }
  const keys = [...waits].map(([key, intervals]) => [key, merged(intervals)] as const);
  let most = 0;
  for (const [one, its] of keys) {
    for (const [other, others] of keys) {
      for (const [from, to] of its.flatMap((interval) => others.map((each) => overlap(interval, each)))) {
        if (one === other || from >= to) continue;
        let ahead = 0;
        for (const { at, fairnessKey, tokens } of service) {
          if (at > from && at <= to)
            ahead += fairnessKey === one ? tokens : fairnessKey === other ? -tokens : 0;
        }
        most = Math.max(most, ahead);
      }
    }
  }
  return most;
}

type Interval = readonly [from: number, to: number];

const overlap = ([from, to]: Interval, [begin, end]: Interval): Interval => [
  Math.max(from, begin),
  Math.min(to, end),
];

/** Intervals that touch, as one. */
function merged(intervals: readonly Interval[]): Interval[] {
  const all: Interval[] = [];
  for (const [from, to] of intervals.toSorted(([left], [right]) => left - right)) {
    const last = all.at(-1);
    if (last !== undefined && from <= last[1]) all[all.length - 1] = [last[0], Math.max(last[1], to)];
    else all.push([from, to]);
  }
  return all;
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(2);

console.log(
  `${trace.length} requests in ${seconds(trace.at(-1)?.at ?? 0)} s; ${slots} slots, target ${target} ms; TTFT p50 / p95, s`,
);
console.log(
  `| policy | all | ${kinds.join(' | ')} | gap p99, ms | worst gap, ms | mean slowdown | tokens/s | unfairness, tokens |`,
);
console.log(`|${'---|'.repeat(7 + kinds.length)}`);
for (const [name, policy, stepBudget] of policies) {
  const limits: SchedulerLimits = { slots, cells: 32_768, stepBudget, policy };
  const machine = new SimulatedMachine(limits, smallMachine, trace);
  const served = machine.run();
  const firstTokens = (of: readonly Served[]): string => {
    const all = of.map(firstTokenAfter);
    return `${seconds(percentile(all, 0.5))} / ${seconds(percentile(all, 0.95))}`;
  };
  const kindOf = new Map<object, string>(trace.map((request) => [request, request.kind]));
  const gaps = served.flatMap(gapsOf);
  const tokens = served.reduce(
    (sum, { arrival, tokenTimes }) => sum + arrival.promptTokens + tokenTimes.length,
    0,
  );
  const busy = machine.steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const cells = [
    name,
    firstTokens(served),
    ...kinds.map((kind) => firstTokens(served.filter(({ arrival }) => kindOf.get(arrival) === kind))),
    percentile(gaps, 0.99).toFixed(0),
    Math.max(...gaps).toFixed(0),
    mean(served.map(slowdown)).toFixed(2),
    (tokens / (busy / 1000)).toFixed(1),
    unfairness(served, machine.service).toFixed(0),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
