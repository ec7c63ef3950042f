import { readdirSync, readFileSync } from 'node:fs';

/** Is there, and is no zombie that its parent has yet to reap. */
export function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || stateOf(processId) !== 'Z';
}

/** Resolves when a process that is no child of this one has ended. */
export async function gone(processId: number): Promise<void> {
  while (isRunning(processId)) await new Promise((resolve) => setImmediate(resolve));
}

/** Child processes, zombies included; none where the system does not tell. */
export function childrenOf(processId: number): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync(`/proc/${processId}/task`).flatMap((task) =>
    readFileSync(`/proc/${processId}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function stateOf(processId: number): string | undefined {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${processId}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
