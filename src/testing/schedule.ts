import type { Batch } from '../core/batch.js';
import type { Admission, Scheduler } from '../scheduler/scheduler.js';

/** A whole decision, for tests whose cache has nothing to restore. */
export function schedule(
  scheduler: Scheduler,
): Admission & { readonly batch: Batch; readonly emptied: number[] } {
  const admission = scheduler.admit();
  const emptied = admission.operations.flatMap((one) => (one.kind === 'empty' ? [one.lane] : []));
  return { ...admission, emptied, batch: scheduler.chooseRows() };
}
