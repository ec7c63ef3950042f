import { HeddleError } from '../core/errors.js';

/**
 * Where the bytes of an engine stand. `loading`: reserved; `releasing`: it is being unloaded, and its memory has not
 * been seen to come back; `quarantined`: its teardown was never confirmed, nobody knows when its memory comes back;
 * `leaked`: it ended, and its memory did not come back.
 */
export type HolderState = 'resident' | 'loading' | 'releasing' | 'quarantined' | 'leaked';

/** One line of the ledger. */
export interface MemoryHolder {
  readonly id: string;
  /** Measured, or predicted as long as it loads. */
  readonly bytes: number;
  readonly state: HolderState;
  /** Nobody uses the engine, and nobody holds a lease on it. */
  readonly idle: boolean;
  /** It is never evicted. */
  readonly pinned: boolean;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
  /** Milliseconds since 1970. */
  readonly loadedAt: number;
}

/** What a decision is made from. */
export interface MemoryBudget {
  /** What all engines together may take, bytes. */
  readonly ceilingBytes: number;
  readonly holders: readonly MemoryHolder[];
  /** What the model that is to be loaded takes, predicted, bytes. */
  readonly needBytes: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long an engine stays at least once it is loaded, milliseconds: two models that alternate do not thrash. */
  readonly minimumResidency: number;
}

/** What to do about a load. */
export type AdmissionDecision =
  /** Load it. */
  | { readonly kind: 'fits' }
  /** Unload these, coldest first, then decide again. */
  | { readonly kind: 'evict'; readonly ids: readonly string[] }
  /**
   * Decide again after a change. `releasing`: memory that is coming back is enough; `residency`: enough engines are
   * idle, but some were loaded too lately to be evicted before `until`; `busy`: engines in use or loading are in the way.
   */
  | { readonly kind: 'wait'; readonly reason: 'releasing' | 'busy' }
  | { readonly kind: 'wait'; readonly reason: 'residency'; readonly until: number }
  /** It needs more than there is without pinned and quarantined engines, and what leaked. */
  | { readonly kind: 'never'; readonly availableBytes: number };

/**
 * Decides whether a model can be loaded now, and if not, what must happen first. Pure: the same budget gives the same
 * decision, whatever the order of the holders.
 *
 * Memory that is being released counts as gone when engines are chosen for eviction, so that none is evicted in vain,
 * and as held when asked whether the load fits, so that the ceiling is never exceeded.
 */
export function decideAdmission(budget: MemoryBudget): AdmissionDecision {
  const { ceilingBytes, holders, needBytes, now, minimumResidency } = budget;
  if (heldBytes(holders) + needBytes <= ceilingBytes) return { kind: 'fits' };

  const availableBytes = Math.max(0, ceilingBytes - heldBytes(holders.filter(isFixed)));
  if (needBytes > availableBytes) return { kind: 'never', availableBytes };

  const excess = heldBytes(holders.filter(({ state }) => state !== 'releasing')) + needBytes - ceilingBytes;
  if (excess <= 0) return { kind: 'wait', reason: 'releasing' };

  const idle = holders.filter((holder) => holder.state === 'resident' && holder.idle && !holder.pinned);
  const mayGoAt = ({ loadedAt }: MemoryHolder): number => loadedAt + minimumResidency;
  const ids = coldestFew(
    idle.filter((holder) => mayGoAt(holder) <= now),
    excess,
  );
  if (ids !== undefined) return { kind: 'evict', ids };

  // Engines become evictable one after the other: the first moment at which enough of them are.
  const byAge = idle.toSorted((a, b) => mayGoAt(a) - mayGoAt(b));
  let freed = 0;
  for (const holder of byAge) {
    freed += holder.bytes;
    if (freed >= excess) return { kind: 'wait', reason: 'residency', until: mayGoAt(holder) };
  }
  return { kind: 'wait', reason: 'busy' };
}

/**
 * The engines that must end their requests for a load to fit, and are not allowed new ones from then on: those that would
 * be evicted if they were idle. Pure; empty when nothing needs to wait for engines in use.
 */
export function enginesToHold(budget: MemoryBudget): readonly string[] {
  const holders = budget.holders.map((holder) => ({ ...holder, idle: true }));
  const decision = decideAdmission({ ...budget, holders });
  return decision.kind === 'evict' ? decision.ids : [];
}

/** The engine will not go by itself, however long one waits. */
function isFixed({ state, pinned }: MemoryHolder): boolean {
  return state === 'quarantined' || state === 'leaked' || (pinned && state !== 'releasing');
}

/** What all lines of a ledger hold together, bytes. */
export function heldBytes(holders: readonly MemoryHolder[]): number {
  return holders.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * The fewest candidates that hold `excess` bytes together; among sets of that size the one whose most recently used
 * member was used longest ago, then whose second most recently used was, and so on.
 * @returns coldest first; undefined when all together hold less
 */
function coldestFew(candidates: readonly MemoryHolder[], excess: number): string[] | undefined {
  const coldestFirst = candidates.toSorted(
    (a, b) => a.lastUsed - b.lastUsed || a.loadedAt - b.loadedAt || (a.id < b.id ? -1 : 1),
  );
  let count = 0;
  while (largest(coldestFirst, count) < excess) {
    if (count === coldestFirst.length) return undefined;
    count++;
  }
  const chosen: string[] = [];
  let rest = coldestFirst;
  let missing = excess;
  for (; count > 0; count--) {
    // The shortest run of the coldest that holds a large enough set: without its last member there is none.
    let end = count;
    while (end < rest.length && largest(rest.slice(0, end), count) < missing) end++;
    const last = rest[end - 1];
    if (last === undefined) break;
    chosen.unshift(last.id);
    missing -= last.bytes;
    rest = rest.slice(0, end - 1);
  }
  return chosen;
}

/** The sum of the `count` largest. */
function largest(holders: readonly MemoryHolder[], count: number): number {
  const sizes = holders.map(({ bytes }) => bytes).toSorted((a, b) => b - a);
  return sizes.slice(0, count).reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Why a model is not loaded: what it needs, what there is, who holds the rest, and what can be done.
 * @param decision `wait` once the configured time is over, or `never`
 */
export function insufficientMemory(
  modelId: string,
  { ceilingBytes, holders, needBytes }: Pick<MemoryBudget, 'ceilingBytes' | 'holders' | 'needBytes'>,
  decision: Extract<AdmissionDecision, { kind: 'wait' | 'never' }>,
): HeddleError {
  const free = Math.max(0, ceilingBytes - heldBytes(holders));
  const holding = holders
    .toSorted((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1))
    .map((holder) => `${holder.id} (${inUnits(holder.bytes)}, ${describe(holder)})`);
  const sentences = [
    `Loading ${modelId} needs ${inUnits(needBytes)} of memory; ${inUnits(free)} of the ${inUnits(ceilingBytes)} that heddle may use are free.`,
    holding.length === 0 ? 'No model is loaded.' : `Held by ${holding.join(', ')}.`,
    advice(needBytes, ceilingBytes, decision),
  ];
  return new HeddleError('insufficient_memory', sentences.join(' '));
}

function advice(
  needBytes: number,
  ceilingBytes: number,
  decision: Extract<AdmissionDecision, { kind: 'wait' | 'never' }>,
): string {
  if (decision.kind === 'wait') {
    return 'Send the request again later, unload one of these models, or raise the memory limit.';
  }
  if (needBytes > ceilingBytes) {
    return 'It can not fit: raise the memory limit, or use a smaller model or quantisation.';
  }
  return `Only ${inUnits(decision.availableBytes)} are not held by models that stay: unpin or unload one of them, or raise the memory limit.`;
}

function describe({ state, idle, pinned }: MemoryHolder): string {
  const doing = state === 'resident' ? (idle ? 'idle' : 'in use') : state;
  return pinned ? `${doing}, pinned` : doing;
}

function inUnits(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
