/** `high` goes before `normal`, and that before `batch`, which takes what the others leave. */
export type Priority = 'high' | 'normal' | 'batch';

/** A request's place among the others of its engine, when there is not enough for all. */
export interface Standing {
  readonly priority: Priority;
  /**
   * Whose request it is: those that name one key share one turn, however many they are. Requests that name none share
   * the key of the empty text.
   */
  readonly fairnessKey: string;
}

/** The standing of requests that say nothing of it. */
export const plainStanding: Standing = { priority: 'normal', fairnessKey: '' };

/** The standing that a request asks for. */
export function standingOf({ priority, fairnessKey }: Partial<Standing>): Standing {
  return {
    priority: priority ?? plainStanding.priority,
    fairnessKey: fairnessKey ?? plainStanding.fairnessKey,
  };
}

const ranks: Readonly<Record<Priority, number>> = { high: 0, normal: 1, batch: 2 };

/** The place of a priority among all: what has the lower one goes first. */
export function rankOf({ priority }: Standing): number {
  return ranks[priority];
}
