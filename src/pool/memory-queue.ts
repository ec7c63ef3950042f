import { HeddleError } from '../core/errors.js';
import type { Gpus } from './gpus.js';
import type { ManagedModel } from './managed-model.js';
import { insufficientMemory } from './insufficient-memory.js';
import {
  decideAdmission,
  enginesToHold,
  heldBytes,
  type MemoryBudget,
  type MemoryHolder,
} from './memory-budget.js';
import type { PoolPolicy } from './pool-policy.js';
import type { Room } from './room.js';
import { untilAborted, withDeadline } from '../core/waiting.js';

/** A load that waits for memory. */
interface Claim {
  readonly model: ManagedModel;
  readonly room: Room;
  /** What it is not loaded without. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** What the queue sees of the pool. */
interface Pool {
  readonly memoryCeiling: number;
  readonly ledger: readonly MemoryHolder[];
  readonly policy: PoolPolicy;
  readonly gpus: Gpus;
  managed(id: string): ManagedModel | undefined;
}

/**
 * The loads that wait for memory. A load that fits goes ahead of those that do not, until one of them has waited for
 * {@link PoolPolicy.groupWait}: then the memory it waits for is its own, and engines in use that stand in its way take no
 * more requests.
 */
export class MemoryQueue {
  readonly #pool: Pool;
  /** The oldest first. */
  readonly #claims: Claim[] = [];
  #waiting: (() => void)[] = [];

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Loads that wait now. */
  get length(): number {
    return this.#claims.length;
  }

  /** Something changed that may have freed memory. */
  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /**
   * Makes room for a load, waits for it, and reserves it.
   * @returns how many of the bytes that it only wishes for are reserved too
   * @throws HeddleError `insufficient_memory`, or `load_cancelled` when the signal is aborted
   */
  async enter(model: ManagedModel, room: Room, signal: AbortSignal): Promise<number> {
    const claim: Claim = { model, room, bytes: room.engineBytes + room.promptBytes, since: Date.now() };
    const held = new Set<ManagedModel>();
    this.#claims.push(claim);
    try {
      return await this.#wait(claim, held, signal);
    } finally {
      this.#claims.splice(this.#claims.indexOf(claim), 1);
      for (const one of held) one.resume(claim);
      this.wake();
    }
  }

  async #wait(claim: Claim, held: Set<ManagedModel>, signal: AbortSignal): Promise<number> {
    const { model, room, since } = claim;
    if (model.memory.neededGpuBytes > 0) await this.#pool.gpus.read();
    for (;;) {
      if (signal.aborted) {
        throw new HeddleError('load_cancelled', `Loading ${model.file.id} was cancelled.`);
      }
      const { queueWait, groupWait } = this.#pool.policy;
      const budget = this.#budget(claim);
      const decision = decideAdmission(budget);
      switch (decision.kind) {
        case 'fits': {
          const free = budget.ceilingBytes - heldBytes(budget.holders) - budget.needBytes;
          const granted = Math.min(room.wishedBytes, Math.max(0, free));
          model.memory.reserve(room.engineBytes, room.promptBytes + granted);
          return granted;
        }
        case 'evict':
          await Promise.all(decision.ids.map(async (id) => this.#pool.managed(id)?.unload(0)));
          break;
        case 'wait': {
          const waited = budget.now - since;
          if (waited >= queueWait) throw insufficientMemory(model.file.id, budget, decision);
          if (waited >= groupWait && this.#hold(claim, held, budget)) break;
          const moments = [since + queueWait, waited < groupWait ? since + groupWait : Infinity];
          if (decision.reason === 'residency') moments.push(decision.until);
          await this.#change(Math.min(...moments) - budget.now, signal);
          break;
        }
        case 'never':
          throw insufficientMemory(model.file.id, budget, decision);
      }
    }
  }

  #budget(claim: Claim): MemoryBudget {
    const { memoryCeiling, ledger, policy, gpus } = this.#pool;
    const gpu = gpus.budget(claim.model.memory.neededGpuBytes);
    const now = Date.now();
    const before = this.#claims.slice(0, this.#claims.indexOf(claim));
    const elders = before.filter(({ since }) => now - since >= policy.groupWait);
    const claimed = elders.map(({ model, bytes }): MemoryHolder => ({
      id: model.file.id,
      bytes,
      gpuBytes: model.memory.neededGpuBytes,
      state: 'loading',
      idle: false,
      pinned: false,
      lastUsed: now,
      loadedAt: now,
    }));
    return {
      ceilingBytes: memoryCeiling,
      holders: [...ledger, ...claimed],
      needBytes: claim.bytes,
      ...(gpu === undefined ? {} : { gpu }),
      now,
      minimumResidency: policy.minimumResidency,
    };
  }

  /** @returns whether an engine is held that was not */
  #hold(claim: Claim, held: Set<ManagedModel>, budget: MemoryBudget): boolean {
    let changed = false;
    for (const id of enginesToHold(budget)) {
      const model = this.#pool.managed(id);
      if (model?.hold(claim) !== true) continue;
      held.add(model);
      changed = true;
    }
    return changed;
  }

  /** Resolves at the next change that may have freed memory, or after that many milliseconds. */
  async #change(milliseconds: number, signal: AbortSignal): Promise<void> {
    const change = new Promise<void>((resolve) => this.#waiting.push(resolve));
    await withDeadline(untilAborted(change, signal), milliseconds);
  }
}
