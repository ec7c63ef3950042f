import { HeddleError } from '../core/errors.js';
import {
  gpuBudget,
  heldBytes,
  type AdmissionDecision,
  type MemoryBudget,
  type MemoryHolder,
} from './memory-budget.js';

type Refusal = Extract<AdmissionDecision, { kind: 'wait' | 'never' }>;

/**
 * Why a model is not loaded: what it needs, what there is, who holds the rest, and what can be done. What needs more than
 * there is at all is not to be sent again.
 * @param decision `wait` once the configured time is over, or `never`
 */
export function insufficientMemory(modelId: string, budget: MemoryBudget, decision: Refusal): HeddleError {
  const onGpu = decision.onGpu === true && budget.gpu !== undefined;
  const { ceilingBytes, needBytes, holders } = onGpu ? gpuBudget(budget, budget.gpu) : budget;
  const totalBytes = onGpu ? budget.gpu.totalBytes : ceilingBytes;
  const memory = onGpu ? 'GPU memory' : 'memory';
  const free = Math.max(0, ceilingBytes - heldBytes(holders));
  const holding = holders
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1))
    .map((holder) => `${holder.id} (${inUnits(holder.bytes)}, ${describe(holder)})`);
  const sentences = [
    `Loading ${modelId} needs ${inUnits(needBytes)} of ${memory}; ${inUnits(free)} of the ${inUnits(ceilingBytes)} that heddle may use are free.`,
    ...(ceilingBytes < totalBytes ? [`Other programs use ${inUnits(totalBytes - ceilingBytes)}.`] : []),
    holding.length === 0 ? 'No model is loaded.' : `Held by ${holding.join(', ')}.`,
    onGpu ? gpuAdvice(needBytes > totalBytes, decision) : advice(needBytes > totalBytes, decision),
  ];
  const never = decision.kind === 'never' && needBytes > totalBytes;
  return new HeddleError('insufficient_memory', sentences.join(' '), never ? { retryable: false } : {});
}

function advice(tooLarge: boolean, decision: Refusal): string {
  if (decision.kind === 'wait') {
    return 'Send the request again later, unload one of these models, or raise the memory limit.';
  }
  if (tooLarge) return 'It can not fit: raise the memory limit, or use a smaller model or quantisation.';
  return `Only ${inUnits(decision.availableBytes)} are not held by models that stay: unpin or unload one of them, or raise the memory limit.`;
}

function gpuAdvice(tooLarge: boolean, decision: Refusal): string {
  if (decision.kind === 'wait') return 'Send the request again later, or unload one of these models.';
  if (tooLarge) return 'It can not fit: use a smaller model or quantisation.';
  return `Only ${inUnits(decision.availableBytes)} are not held by models that stay or by other programs: end one of these, or unpin or unload a model.`;
}

function describe({ state, idle, pinned }: MemoryHolder): string {
  const doing = state === 'resident' ? (idle ? 'idle' : 'in use') : state;
  return pinned ? `${doing}, pinned` : doing;
}

function inUnits(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
