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
  /** OpenAI's newer name for it. `user` goes before it. */
  safety_identifier: z.string().max(512).optional(),
};

type StandingFields = z.infer<z.ZodObject<typeof standingFields>>;

/** `priority` goes before `service_tier`. A key may serve many users, each with a share of their own. */
export function toStanding(
  { priority, service_tier, ...fields }: StandingFields,
  headers: IncomingHttpHeaders,
): Standing {
  return {
    priority: priority ?? tiers[service_tier ?? 'default'],
    fairnessKey: fairnessKey(userOf(fields), callerOf(headers)),
  };
}

/** Whose request it is, as its body says; undefined where it does not. */
export function userOf({
  user,
  safety_identifier,
}: Pick<StandingFields, 'user' | 'safety_identifier'>): string | undefined {
  return user ?? safety_identifier;
}

/** The tier that a request is served in, to be told where it named one. */
export function servedTier({
  service_tier,
  priority,
}: Pick<StandingFields, 'service_tier' | 'priority'>): 'default' | 'priority' | 'flex' | undefined {
  if (service_tier === undefined) return undefined;
  return tierNames[priority ?? tiers[service_tier]];
}

const tierNames = { normal: 'default', high: 'priority', batch: 'flex' } as const;

/** Users are kept apart by their keys, and from keys: nobody has another's share by taking a name. */
function fairnessKey(user: string | undefined, caller: string | undefined): string {
  if (user !== undefined && user !== '')
    return caller === undefined ? `user ${user}` : `key ${caller} user ${user}`;
  return caller === undefined ? plainStanding.fairnessKey : `key ${caller}`;
}
