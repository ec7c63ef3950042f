import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lanes, type LaneContent, type Reusable } from './lanes.js';

const laneCount = 5;

/** A lane, cell by cell. */
interface Lane {
  state: 'free' | 'running' | 'resident';
  scope: string | undefined;
  tokens: number[];
  cells: symbol[];
}

/** The same as a list of lanes: slow, and plainly right. Does what it is told to be done, as a cache would. */
class LaneList {
  readonly lanes: Lane[] = Array.from({ length: laneCount }, () => ({
    state: 'free',
    scope: undefined,
    tokens: [],
    cells: [],
  }));
  /** Of residents, that used longest ago first. */
  readonly order: number[] = [];

  at(lane: number): Lane {
    const found = this.lanes[lane];
    assert.ok(found !== undefined, 'there is no such lane');
    return found;
  }

  of(state: Lane['state']): number[] {
    return this.lanes.flatMap((lane, index) => (lane.state === state ? [index] : []));
  }

  cells(lanes: readonly number[]): Set<symbol> {
    return new Set(lanes.flatMap((lane) => this.at(lane).cells));
  }

  append(lane: number, tokens: readonly number[]): void {
    this.at(lane).tokens.push(...tokens);
    this.at(lane).cells.push(...tokens.map(() => Symbol('cell')));
  }

  cut(lane: number, length: number): void {
    const { tokens, cells } = this.at(lane);
    tokens.length = Math.min(tokens.length, length);
    cells.length = tokens.length;
  }

  /** What a prompt could begin with: every best choice. */
  reusable(scope: string, prompt: readonly number[], most: number, canCut: boolean): Reusable[] {
    const all = this.lanes.flatMap((one, lane) => {
      if (one.state === 'free' || one.scope !== scope) return [];
      const differs = one.tokens.findIndex((token, at) => token !== prompt[at]);
      const common = differs < 0 ? one.tokens.length : differs;
      const count = canCut ? Math.min(common, most) : one.tokens.length;
      const usable = canCut || (common === one.tokens.length && common <= most);
      return usable && count > 0 ? [{ lane, count }] : [];
    });
    const longest = Math.max(0, ...all.map(({ count }) => count));
    return all.filter(({ count }) => count === longest);
  }
}

/** Lanes and the list of them, to which the same is done. */
class Pair {
  readonly lanes: Lanes;
  readonly list = new LaneList();
  readonly #canCut: boolean;
  readonly #residentCells: number;
  /** How often each kind of thing happened. */
  readonly met = { share: 0, cut: 0, goOn: 0, evict: 0 };

  constructor(canCut: boolean, residentCells: number) {
    this.#canCut = canCut;
    this.#residentCells = residentCells;
    this.lanes = new Lanes({ lanes: laneCount, residentCells, canCut });
  }

  take(scope: string | undefined, prompt: readonly number[], cutSource: boolean): void {
    const { lanes, list } = this;
    if (list.of('running').length === laneCount) return;
    const most = prompt.length - 1;
    const found = scope === undefined ? undefined : lanes.find(scope, prompt, most);
    const best = scope === undefined ? [] : list.reusable(scope, prompt, most, this.#canCut);
    if (found === undefined) assert.deepEqual(best, []);
    else assert.ok(best.some(({ lane, count }) => lane === found.lane && count === found.count));
    const source = found === undefined ? undefined : list.at(found.lane);
    const before = source === undefined ? [] : [...source.tokens];
    const lane = lanes.take(scope, prompt, found, { cutSource: cutSource && this.#canCut });
    this.perform();
    const taken = list.at(lane);
    assert.notEqual(taken.state, 'running', 'a lane was given to two');
    if (taken.state === 'resident') {
      assert.equal(lane, found?.lane, 'a resident was overwritten');
      list.order.splice(list.order.indexOf(lane), 1);
      this.met.goOn++;
    } else if (found !== undefined && source?.state === 'resident') {
      assert.deepEqual(source.tokens, before, 'what was shared is another now');
      list.order.push(...list.order.splice(list.order.indexOf(found.lane), 1));
    }
    taken.state = 'running';
    taken.scope = scope;
    assert.deepEqual(taken.tokens, prompt.slice(0, found?.count ?? 0), 'a lane does not hold what it should');
  }

  append(lane: number, tokens: readonly number[]): void {
    this.lanes.append(lane, tokens);
    this.list.append(lane, tokens);
  }

  cut(lane: number, length: number): void {
    this.lanes.cut(lane, length);
    this.list.cut(lane, length);
  }

  keep(lane: number): void {
    const one = this.list.at(lane);
    const { scope, tokens } = one;
    if (scope === undefined) {
      this.drop(lane);
      return;
    }
    const content: LaneContent = { scope, tokens: [...tokens] };
    this.lanes.keep(lane, content);
    one.state = 'resident';
    this.list.order.push(lane);
    this.perform();
    assert.ok(
      this.lanes.residentCells <= this.#residentCells || this.list.of('resident').length === 1,
      'residents have more cells than they may',
    );
  }

  drop(lane: number): void {
    this.lanes.drop(lane);
    this.perform();
    assert.equal(this.list.at(lane).state, 'free');
  }

  evict(kept: number | undefined): void {
    const expected = this.list.order.find((lane) => lane !== kept);
    assert.equal(this.lanes.evict(kept), expected !== undefined);
    this.perform();
    if (expected !== undefined) assert.equal(this.list.at(expected).state, 'free', 'another one was evicted');
  }

  /** Does to the list what the lanes have decided. */
  perform(): void {
    for (const operation of this.lanes.takeOperations()) {
      if (operation.kind === 'share') {
        const { source, target, count } = operation;
        const [from, to] = [this.list.at(source), this.list.at(target)];
        assert.equal(to.tokens.length, 0, 'cells are shared with a lane that is not empty');
        assert.ok(this.#canCut || from.tokens.length === count, 'a part was shared of what can not be cut');
        to.tokens.push(...from.tokens.slice(0, count));
        to.cells.push(...from.cells.slice(0, count));
        this.met.share++;
        continue;
      }
      const lane = this.list.at(operation.lane);
      const { content } = operation;
      if (content !== undefined) assert.deepEqual(content, { scope: lane.scope, tokens: lane.tokens });
      if (operation.kind === 'cut') {
        assert.ok(this.#canCut, 'what can not be cut was cut');
        this.list.cut(operation.lane, operation.length);
        this.met.cut++;
      } else this.#empty(operation.lane, lane);
    }
  }

  check(): void {
    const { lanes, list } = this;
    const residents = list.of('resident');
    assert.deepEqual([...lanes.residents.keys()], list.order);
    for (const [lane, content] of lanes.residents)
      assert.deepEqual(content, { scope: list.at(lane).scope, tokens: list.at(lane).tokens });
    const all = list.cells([...list.lanes.keys()]);
    const running = list.cells(list.of('running'));
    assert.equal(lanes.usedCells, all.size);
    assert.equal(lanes.residentCells, all.size - running.size);
    assert.equal(lanes.usedBy(residents), list.cells(residents).size);
  }

  #empty(index: number, lane: Lane): void {
    assert.notEqual(lane.state, 'free', 'a free lane was emptied');
    if (lane.state === 'resident') {
      this.list.order.splice(this.list.order.indexOf(index), 1);
      this.met.evict++;
    }
    Object.assign(lane, { state: 'free', scope: undefined, tokens: [], cells: [] } satisfies Lane);
  }
}

/** Few tokens and scopes, so that sequences have much in common. */
const tokens = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 14 });
const which = fc.nat(laneCount - 1);
const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      scope: fc.constantFrom('a', 'a', 'b', undefined),
      tokens,
      cutSource: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), which, tokens }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('keep' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), which, length: fc.nat(14) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict' as const), kept: fc.option(which) }) },
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function act(pair: Pair, step: Operation, canCut: boolean): void {
  if (step.kind === 'take') {
    pair.take(step.scope, step.tokens, step.cutSource);
    return;
  }
  if (step.kind === 'evict') {
    pair.evict(step.kept ?? undefined);
    return;
  }
  const running = pair.list.of('running');
  const lane = running[step.which % Math.max(1, running.length)];
  if (lane === undefined) return;
  if (step.kind === 'append') pair.append(lane, step.tokens);
  else if (step.kind === 'keep') pair.keep(lane);
  else if (step.kind === 'drop') pair.drop(lane);
  else pair.cut(lane, canCut ? step.length : 0);
}

describe.each([
  ['can be cut', true],
  ['can not be cut', false],
])('lanes of a memory that %s', (_, canCut) => {
  test('are those of a list of them, in 10,000 random operations', () => {
    const met = { share: 0, cut: 0, goOn: 0, evict: 0 };
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 100, maxLength: 100 }),
        fc.constantFrom(10, 30, 1000),
        (steps, residentCells) => {
          const pair = new Pair(canCut, residentCells);
          for (const step of steps) {
            act(pair, step, canCut);
            pair.check();
          }
          for (const lane of pair.list.of('running')) pair.drop(lane);
          while (pair.list.order.length > 0) pair.evict(undefined);
          pair.check();
          expect(pair.list.of('free')).toHaveLength(laneCount);
          expect(pair.lanes.usedCells).toBe(0);
          for (const name of Object.keys(met) as (keyof typeof met)[]) met[name] += pair.met[name];
        },
      ),
      { numRuns: 100 },
    );
    expect(met.share).toBeGreaterThan(10);
    expect(met.goOn).toBeGreaterThan(10);
    expect(met.evict).toBeGreaterThan(100);
    expect(met.cut > 10).toBe(canCut);
  });
});
