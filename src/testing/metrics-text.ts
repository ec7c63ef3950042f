/** One sample: a name with labels and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric of a text. */
export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const number = '[+-]?(?:Inf|[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)|[Nn]a[Nn]';
const sampleLine = new RegExp(`^(${metricName})(?:\\{((?:${label})(?:,${label})*)\\})? (${number})$`);
const helpLine = new RegExp(`^# HELP (${metricName}) (.+)$`);
const typeLine = new RegExp(`^# TYPE (${metricName}) (counter|gauge|histogram)$`);

/**
 * Prometheus' text format, version 0.0.4, read strictly: every line is of the format, every metric has HELP and TYPE
 * before its samples and is there once, no sample is there twice, counters are not negative, and buckets rise to the
 * histogram's count.
 *
 * @throws Error that names the line or the metric at fault
 */
export function parseMetrics(text: string): ReadonlyMap<string, MetricFamily> {
  if (!text.endsWith('\n')) throw new Error('The text does not end with a line feed.');
  const families = new Map<string, MetricFamily>();
  const seen = new Set<string>();
  const lines = text
    .slice(0, -1)
    .split('\n')
    .filter((line) => line !== '');
  for (let at = 0; at < lines.length;) {
    const [, name = '', help = ''] = matched(helpLine, lines[at++] ?? '');
    const [, typed, type = ''] = matched(typeLine, lines[at++] ?? '');
    if (typed !== name) throw new Error(`HELP of ${name} is followed by TYPE of ${typed}.`);
    if (families.has(name)) throw new Error(`${name} is there twice.`);
    const family: MetricFamily = { type, help, samples: [] };
    families.set(name, family);
    for (let line = lines[at]; line !== undefined && !line.startsWith('#'); line = lines[++at]) {
      const sample = parseSample(line);
      const key = `${sample.name} ${keyOf(sample.labels)}`;
      if (seen.has(key)) throw new Error(`Twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
    checkFamily(name, family);
  }
  return families;
}

/** The value of the one sample with this name and exactly these labels; undefined when there is none. */
export function valueOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = keyOf(labels);
  for (const { samples } of families.values()) {
    for (const sample of samples) {
      if (sample.name === name && keyOf(sample.labels) === wanted) return sample.value;
    }
  }
  return undefined;
}

function parseSample(line: string): Sample {
  const [, name = '', list = '', value = ''] = matched(sampleLine, line);
  const pairs = [...list.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"/g)].map(
    ([, key = '', text = '']) => [key, text.replaceAll(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : String(c)))],
  );
  const labels = Object.fromEntries(pairs) as Record<string, string>;
  if (Object.keys(labels).length !== pairs.length) throw new Error(`A label is there twice: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkFamily(name: string, { type, samples }: MetricFamily): void {
  if (type === 'histogram') {
    checkHistogram(name, samples);
    return;
  }
  for (const sample of samples) {
    if (sample.name !== name) throw new Error(`${sample.name} is a sample of ${name}.`);
    if (type === 'counter' && !(sample.value >= 0))
      throw new Error(`The counter ${name} is ${sample.value}.`);
  }
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = new Map<string, { bounds: number[]; counts: number[]; sum?: number; count?: number }>();
  for (const { name: part, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = keyOf(others);
    const one = series.get(key) ?? { bounds: [], counts: [] };
    series.set(key, one);
    if (part === `${name}_bucket` && le !== undefined) {
      one.bounds.push(le === '+Inf' ? Infinity : Number(le));
      one.counts.push(value);
    } else if (part === `${name}_sum`) one.sum = value;
    else if (part === `${name}_count`) one.count = value;
    else throw new Error(`${part} is no part of the histogram ${name}.`);
  }
  for (const { bounds, counts, sum, count } of series.values()) {
    if (sum === undefined || count === undefined) throw new Error(`${name} has no sum or no count.`);
    if (bounds.at(-1) !== Infinity || counts.at(-1) !== count)
      throw new Error(`The last bucket of ${name} does not hold all.`);
    if (!rises(bounds) || !rises(counts)) throw new Error(`The buckets of ${name} do not rise.`);
    if (new Set(bounds).size !== bounds.length) throw new Error(`A bucket of ${name} is there twice.`);
  }
}

/** The same for the same labels, in whatever order they are written. */
function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function rises(values: readonly number[]): boolean {
  return values.every((value, index) => value >= (values[index - 1] ?? -Infinity));
}

function matched(pattern: RegExp, line: string): RegExpExecArray {
  const match = pattern.exec(line);
  if (match === null) throw new Error(`Not of the format: ${line}`);
  return match;
}
