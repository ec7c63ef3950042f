/** Cells that were computed one after the other for one lane; others may have come to refer to the first of them. */
interface Run {
  readonly start: number;
  /** Behind the last cell that any lane refers to. */
  end: number;
  /** Behind the last cell of the run that each lane refers to. */
  readonly ends: Map<number, number>;
}

/**
 * Which cells of the KV cache each lane refers to. Cells that several lanes share are there once, until the last of them
 * lets go; a lane refers to a prefix of every run that it has a part in. A change takes O(runs of the lane and lanes of
 * the run); there are few of both.
 */
export class CellTable {
  /** Of each lane, in order of position. */
  readonly #lanes: Run[][];
  #used = 0;

  constructor(lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => []);
  }

  /** Cells that at least one lane refers to. */
  get used(): number {
    return this.#used;
  }

  /** Cells of a lane, shared ones included. */
  length(lane: number): number {
    return this.#lanes[lane]?.at(-1)?.ends.get(lane) ?? 0;
  }

  /** Cells that at least one of these lanes refers to. */
  usedBy(lanes: Iterable<number>): number {
    const ends = new Map<Run, number>();
    for (const lane of lanes) {
      for (const run of this.#lanes[lane] ?? [])
        ends.set(run, Math.max(ends.get(run) ?? 0, run.ends.get(lane) ?? 0));
    }
    let used = 0;
    for (const [run, end] of ends) used += end - run.start;
    return used;
  }

  /** Cells were computed behind those of a lane. */
  append(lane: number, count: number): void {
    if (count === 0) return;
    const runs = this.#lanes[lane] ?? [];
    const last = runs.at(-1);
    const end = this.length(lane);
    // What others refer to beyond this lane's end is not this lane's to grow over.
    if (last?.end === end) this.#setEnd(last, lane, end + count);
    else {
      const run: Run = { start: end, end, ends: new Map() };
      runs.push(run);
      this.#setEnd(run, lane, end + count);
    }
  }

  /** An empty lane refers to the first cells of another one from now on. */
  share(source: number, target: number, count: number): void {
    const runs = this.#lanes[target] ?? [];
    for (const run of this.#lanes[source] ?? []) {
      if (run.start >= count) break;
      runs.push(run);
      this.#setEnd(run, target, Math.min(count, run.ends.get(source) ?? 0));
    }
  }

  /** A lane keeps its first cells only. */
  cut(lane: number, length: number): void {
    const runs = this.#lanes[lane] ?? [];
    for (let run = runs.at(-1); run !== undefined && (run.ends.get(lane) ?? 0) > length; run = runs.at(-1)) {
      if (run.start < length) {
        this.#setEnd(run, lane, length);
        return;
      }
      runs.pop();
      this.#setEnd(run, lane, undefined);
    }
  }

  #setEnd(run: Run, lane: number, end: number | undefined): void {
    if (end === undefined) run.ends.delete(lane);
    else run.ends.set(lane, end);
    let furthest = run.start;
    for (const each of run.ends.values()) furthest = Math.max(furthest, each);
    this.#used += furthest - run.end;
    run.end = furthest;
  }
}
