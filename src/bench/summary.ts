import type { Targets } from './settings.js';
import { distribution, medianInterval, quantile, spread } from './statistics.js';
import type { Distribution, Interval, Spread } from './statistics.js';
import { firstTokenTime, gapsOf, tellsCached, type Finding, type RequestRecord } from './workload.js';

/** Figures of the requests of one group in one round. Undefined where nothing can be said. */
export interface RoundFigures {
  /** Counts from 0. */
  readonly round: number;
  /** Median time to the first token, ms. */
  readonly firstToken: number | undefined;
  /** 99th percentile of all gaps, ms. */
  readonly gapP99: number | undefined;
  readonly worstGap: number | undefined;
  /**
   * Tokens a second of all requests together, from the first one sent to the last one's end. What failed or was late is
   * part of that time; tokens of answers that failed are no tokens.
   */
  readonly tokensPerSecond: number | undefined;
  /** Requests a second that met the targets, over the same time. */
  readonly goodPerSecond: number | undefined;
}

/** Figures of the requests of one group, over all rounds on one server. Times are in milliseconds. */
export interface GroupSummary {
  readonly group: string;
  readonly requests: number;
  /** Given up by the workload; in no other figure. */
  readonly cancelled: number;
  readonly failures: readonly { readonly kind: string; readonly count: number; readonly example: string }[];
  readonly firstToken?: Distribution & { readonly medianInterval?: Interval };
  /** Between one piece of text and the next, of all requests. */
  readonly gap?: Distribution;
  /** Tokens a second of one request, after its first token. */
  readonly tokensPerSecondOfOne?: Distribution;
  /** Of the rounds. */
  readonly tokensPerSecond?: Spread;
  /** Part of the requests that met the targets, 0 to 1; those that failed did not. */
  readonly goodput?: number;
  /** Requests a second that met the targets, of the rounds. */
  readonly goodPerSecond?: Spread;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Absent where the server tells it of none of them; where it tells some, the others had none, as with vLLM. */
  readonly cachedTokens?: number;
  /** Of the prompt tokens that the server computed before, the part that it did not compute again, 0 to 1. */
  readonly cachedOfSeen?: number;
  /** Tokens that came with a piece of text on average: above 1, gaps are of several tokens. */
  readonly tokensPerPiece?: number;
  /** Requests whose answer ended by itself, before the wanted length. */
  readonly endedEarly: number;
  readonly rounds: readonly RoundFigures[];
}

/** Summaries of all groups, in the order in which they first occur. */
export function summarize(records: readonly RequestRecord[], goodput: Targets): GroupSummary[] {
  const groups = [...new Set(records.map(({ group }) => group))];
  return groups.map((group) =>
    summarizeGroup(
      group,
      records.filter((record) => record.group === group),
      goodput,
    ),
  );
}

/** A workload's own figures: the values of all rounds by name. */
export function summarizeFindings(
  findings: readonly Finding[],
): { readonly name: string; readonly unit: string; readonly value: Spread }[] {
  const names = [...new Set(findings.map(({ name }) => name))];
  return names.flatMap((name) => {
    const same = findings.filter((finding) => finding.name === name);
    const value = spread(same.map((finding) => finding.value));
    return value === undefined ? [] : [{ name, unit: same[0]?.unit ?? '', value }];
  });
}

function summarizeGroup(group: string, records: readonly RequestRecord[], goodput: Targets): GroupSummary {
  const counted = records.filter(({ cancelled }) => !cancelled);
  const good = counted.filter(({ failure }) => failure === undefined);
  const numbers = [...new Set(records.map(({ round }) => round))].toSorted((a, b) => a - b);
  const rounds = numbers.map((round) => good.filter((record) => record.round === round));
  const figures = numbers.map((round) => {
    const ofRound = counted.filter((record) => record.round === round);
    return roundFigures(round, ofRound, goodput);
  });
  const firstToken = distribution(good.flatMap((record) => firstTokenTime(record) ?? []));
  const interval = medianInterval(
    rounds.map((round) => round.flatMap((record) => firstTokenTime(record) ?? [])),
  );
  const gap = distribution(good.flatMap((record) => gapsOf(record).map(({ gap: length }) => length)));
  const ofOne = distribution(good.flatMap((record) => tokensPerSecondOfOne(record) ?? []));
  const tokensPerSecond = spread(figures.flatMap((round) => round.tokensPerSecond ?? []));
  const goodPerSecond = spread(figures.flatMap((round) => round.goodPerSecond ?? []));
  const pieces = sum(good, ({ arrivals }) => arrivals.length);
  return {
    group,
    requests: records.length,
    cancelled: records.length - counted.length,
    failures: failureKinds(counted),
    ...(firstToken === undefined
      ? {}
      : { firstToken: { ...firstToken, ...(interval === undefined ? {} : { medianInterval: interval }) } }),
    ...(gap === undefined ? {} : { gap }),
    ...(ofOne === undefined ? {} : { tokensPerSecondOfOne: ofOne }),
    ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
    ...(counted.length === 0
      ? {}
      : { goodput: good.filter((record) => meets(record, goodput)).length / counted.length }),
    ...(goodPerSecond === undefined ? {} : { goodPerSecond }),
    promptTokens: sum(good, ({ promptTokens = 0 }) => promptTokens),
    completionTokens: sum(good, tokensOf),
    ...cacheFigures(good),
    ...(pieces === 0 ? {} : { tokensPerPiece: sum(good, tokensOf) / pieces }),
    endedEarly: good.filter(({ finishReason }) => finishReason === 'stop').length,
    rounds: figures,
  };
}

/** @param counted the requests of the round, those that failed included */
function roundFigures(round: number, counted: readonly RequestRecord[], goodput: Targets): RoundFigures {
  const records = counted.filter(({ failure }) => failure === undefined);
  const gaps = Float64Array.from(
    records.flatMap((record) => gapsOf(record).map(({ gap }) => gap)),
  ).toSorted();
  const from = counted.reduce((least, { sentAt }) => Math.min(least, sentAt), Infinity);
  const to = counted.reduce((greatest, { endedAt }) => Math.max(greatest, endedAt), -Infinity);
  const perSecond = (amount: number): number | undefined =>
    to > from ? (amount / (to - from)) * 1000 : undefined;
  return {
    round,
    firstToken: distribution(records.flatMap((record) => firstTokenTime(record) ?? []))?.p50,
    gapP99: quantile(gaps, 0.99),
    worstGap: quantile(gaps, 1),
    tokensPerSecond: perSecond(sum(records, tokensOf)),
    goodPerSecond: perSecond(records.filter((record) => meets(record, goodput)).length),
  };
}

function cacheFigures(records: readonly RequestRecord[]): { cachedTokens?: number; cachedOfSeen?: number } {
  if (!tellsCached(records)) return {};
  const cachedTokens = sum(records, (record) => record.cachedTokens ?? 0);
  const seen = sum(records, ({ seenTokens = 0 }) => seenTokens);
  // One request that finds more than is counted as seen must not make up for another that finds less.
  const found = sum(records, (record) => Math.min(record.cachedTokens ?? 0, record.seenTokens ?? 0));
  return { cachedTokens, ...(seen === 0 ? {} : { cachedOfSeen: found / seen }) };
}

function failureKinds(records: readonly RequestRecord[]): GroupSummary['failures'] {
  const failures = records.flatMap(({ failure }) => failure ?? []);
  return [...new Set(failures.map(({ kind }) => kind))].map((kind) => {
    const same = failures.filter((failure) => failure.kind === kind);
    return { kind, count: same.length, example: same[0]?.message ?? '' };
  });
}

function meets(record: RequestRecord, targets: Targets): boolean {
  const gaps = Float64Array.from(gapsOf(record), ({ gap }) => gap).toSorted();
  return (
    (firstTokenTime(record) ?? Infinity) <= targets.firstToken && (quantile(gaps, 0.99) ?? 0) <= targets.gap
  );
}

function tokensPerSecondOfOne(record: RequestRecord): number | undefined {
  const [first, last] = [record.arrivals[0], record.arrivals.at(-1)];
  if (first === undefined || last === undefined || last <= first) return undefined;
  return ((tokensOf(record) - 1) / (last - first)) * 1000;
}

/** The server's count; where it gives none, pieces of text. */
function tokensOf({ completionTokens, arrivals }: RequestRecord): number {
  return completionTokens ?? arrivals.length;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
