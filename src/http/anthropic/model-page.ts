import { z } from 'zod';
import type { EnginePool } from '../../pool/engine-pool.js';
import { withInputForm } from '../input-forms.js';
import { parseBody } from '../validation.js';
import { modelInfo, type NamedModel } from './model-info.js';

const lifecycle = z.enum(['active', 'deprecated', 'retired']);

/** The query of `GET /v1/models`, of Anthropic's clients. */
export const modelPageQuery = z.strictObject({
  /** Sent by clients of betas, which are the same here. */
  beta: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(20),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
  /** All models are active. */
  lifecycle: withInputForm(
    z.preprocess((value) => [value].flat(), z.array(lifecycle).max(3)),
    { accepts: z.union([lifecycle, z.array(lifecycle).max(3)]) },
  ).default(['active']),
});

/** A page of the list of models, as Anthropic's clients ask for it. @throws HeddleError `invalid_parameter` */
export function modelPage(models: readonly NamedModel[], sent: unknown, pool: EnginePool): object {
  const {
    limit,
    after_id: after,
    before_id: before,
    lifecycle: wanted,
  } = parseBody(modelPageQuery, withoutBrackets(sent));
  const listed = wanted.includes('active') ? models : [];
  const from = indexOf(listed, after) + 1;
  const end = indexOf(listed, before);
  const between = listed.slice(from, end < 0 ? listed.length : Math.max(from, end));
  const page = before === undefined ? between.slice(0, limit) : between.slice(-limit);
  return {
    data: page.map((model) => modelInfo(model, pool)),
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
    has_more: page.length < between.length,
  };
}

/** -1 for none, also for one that is not there any more. */
function indexOf(models: readonly NamedModel[], id: string | undefined): number {
  return models.findIndex(({ name }) => name === id);
}

/** Clients write lists as `lifecycle[]=active`. */
function withoutBrackets(sent: unknown): object {
  return Object.fromEntries(
    Object.entries(sent ?? {}).map(([name, value]: [string, unknown]) => [name.replace(/\[\]$/, ''), value]),
  );
}
