import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { plainStanding, type Priority, type Standing } from '../../core/standing.js';
import { callerOf } from '../caller.js';

/** OpenAI's names for how soon an answer is wanted. */
const tiers = {
  auto: 'normal',
  default: 'normal',
  priority: 'high',
  flex: 'batch',
} as const satisfies Record<string, Priority>;

/** The parameters that say whose turn it is when requests wait for each other. */
export const standingFields = {
  priority: z
    .enum(['high', 'normal', 'batch'], { error: 'priority must be "high", "normal" or "batch"' })
    .optional(),
  service_tier: z
    .enum(['auto', 'default', 'priority', 'flex'], {
      error: 'service_tier must be "auto", "default", "priority" or "flex"',
    })
    .optional(),
  /** Whose request it is; also told apart in the request log. */
  user: z.string().max(512).optional(),
};

type StandingFields = z.infer<z.ZodObject<typeof standingFields>>;

/** `priority` goes before `service_tier`. A key may serve many users, each with a share of their own. */
export function toStanding(
  { priority, service_tier, user }: StandingFields,
  headers: IncomingHttpHeaders,
): Standing {
  return {
    priority: priority ?? tiers[service_tier ?? 'default'],
    fairnessKey: fairnessKey(user, callerOf(headers)),
  };
}

/** Users are kept apart by their keys, and from keys: nobody has another's share by taking a name. */
function fairnessKey(user: string | undefined, caller: string | undefined): string {
  if (user !== undefined && user !== '')
    return caller === undefined ? `user ${user}` : `key ${caller} user ${user}`;
  return caller === undefined ? plainStanding.fairnessKey : `key ${caller}`;
}
