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
  /** Of the GPUs' own memory, predicted; absent for nothing. */
  readonly gpuBytes?: number;
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

/** The GPUs' own memory, of all together, in a decision; all in bytes. */
export interface GpuBudget {
  readonly totalBytes: number;
  /** What engines may take: the total, less what other programs use. */
  readonly ceilingBytes: number;
  /** What the model that is to be loaded takes, predicted. */
  readonly needBytes: number;
}

/** What a decision is made from. */
export interface MemoryBudget {
  /** What all engines together may take, bytes. */
  readonly ceilingBytes: number;
  readonly holders: readonly MemoryHolder[];
  /** What the model that is to be loaded takes, predicted, bytes. */
  readonly needBytes: number;
  /** Absent where the model takes nothing of GPUs, or nobody can tell what they have. */
  readonly gpu?: GpuBudget;
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
  | ({ readonly kind: 'wait'; readonly reason: 'releasing' | 'busy' } & Where)
  | ({ readonly kind: 'wait'; readonly reason: 'residency'; readonly until: number } & Where)
  /** It needs more than there is without pinned and quarantined engines, and what leaked. */
  | ({ readonly kind: 'never'; readonly availableBytes: number } & Where);

/** Which memory is short. */
interface Where {
  /** That of the GPUs; absent: the RAM. */
  readonly onGpu?: true;
}

/**
 * Decides whether a model can be loaded now, and if not, what must happen first. Pure: the same budget gives the same
 * decision, whatever the order of the holders.
 *
 * Memory that is being released counts as gone when engines are chosen for eviction, so that none is evicted in vain,
 * and as held when asked whether the load fits, so that the ceiling is never exceeded.
 *
 * RAM and GPUs are decided for alone, and what is short in one of them decides. No engine is evicted for the sake of
 * one while nothing can be done about the other.
 */
export function decideAdmission(budget: MemoryBudget): AdmissionDecision {
  const ram = decideRam(budget);
  if (budget.gpu === undefined || ram.kind === 'never') return ram;
  const onGpus = decideRam(gpuBudget(budget, budget.gpu));
  const gpu =
    onGpus.kind === 'wait' || onGpus.kind === 'never' ? { ...onGpus, onGpu: true as const } : onGpus;
  if (gpu.kind === 'never' || ram.kind === 'fits') return gpu;
  if (gpu.kind === 'fits') return ram;
  if (ram.kind === 'wait' && gpu.kind === 'wait') return longerWait(ram, gpu);
  if (ram.kind === 'wait') return ram.reason === 'releasing' ? gpu : ram;
  if (gpu.kind === 'wait') return gpu.reason === 'releasing' ? ram : gpu;
  // Both want engines gone: those of one may be enough for the other.
  const enough = ({ ids }: { ids: readonly string[] }): boolean =>
    decideAdmission({ ...budget, holders: without(budget.holders, ids) }).kind !== 'evict';
  return !enough(ram) && enough(gpu) ? gpu : ram;
}

/** The same question about the GPUs' memory instead of the RAM. */
export function gpuBudget(budget: MemoryBudget, { ceilingBytes, needBytes }: GpuBudget): MemoryBudget {
  const holders = budget.holders.map((holder) => ({ ...holder, bytes: holder.gpuBytes ?? 0 }));
  const { now, minimumResidency } = budget;
  return { ceilingBytes, needBytes, holders, now, minimumResidency };
}

function without(holders: readonly MemoryHolder[], ids: readonly string[]): readonly MemoryHolder[] {
  return holders.filter(({ id, state }) => state !== 'resident' || !ids.includes(id));
}

type Wait = Extract<AdmissionDecision, { kind: 'wait' }>;

/** The wait whose end is less certain, and of two for the residency the later end. */
function longerWait(one: Wait, other: Wait): Wait {
  if (one.reason === 'residency' && other.reason === 'residency')
    return other.until > one.until ? other : one;
  const order = ['releasing', 'residency', 'busy'];
  return order.indexOf(other.reason) > order.indexOf(one.reason) ? other : one;
}

function decideRam(budget: MemoryBudget): AdmissionDecision {
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

/** The same of the GPUs' own memory. */
export function heldGpuBytes(holders: readonly MemoryHolder[]): number {
  return holders.reduce((sum, { gpuBytes = 0 }) => sum + gpuBytes, 0);
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
