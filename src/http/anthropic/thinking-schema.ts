import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { chooseFormat } from '../../prompt/output/choose-format.js';
import { chooseTemplate } from '../../prompt/template-choice.js';
import { thinkingControls, thinkingVariables, type ReasoningEffort } from '../../prompt/thinking.js';

const display = { display: z.enum(['summarized', 'omitted']).nullish() };

/** Anthropic's names for how much a model is to reason. */
const efforts = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'xhigh',
} as const satisfies Record<string, ReasoningEffort>;

/** What a model reasons by default, as the API says it. */
const usualEffort = 'high';

/** The parameters of a message that are about reasoning. */
export const thinkingFields = {
  thinking: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1), ...display }),
        z.strictObject({ type: z.literal('adaptive'), ...display }),
        z.strictObject({ type: z.literal('disabled') }),
      ],
      { error: 'type must be enabled, adaptive or disabled' },
    )
    .optional(),
};

/** `effort` of the parameter `output_config`. */
export const effortField = z
  .enum(['low', 'medium', 'high', 'xhigh', 'max'], 'effort must be low, medium, high, xhigh or max')
  .nullish();

type ThinkingFields = z.infer<z.ZodObject<typeof thinkingFields>> & {
  readonly output_config: { readonly effort?: z.infer<typeof effortField> };
};

/** How a model is told how much to reason. */
export interface ThinkingPlan {
  /** For its chat template. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Tokens of reasoning at most, and the parameter that says so. */
  readonly budget?: { readonly tokens: number; readonly param: string };
}

/**
 * How a model is to reason. Where its template has no switch, `disabled` ends its reasoning before it begins; a model that
 * marks none has nothing to be disabled.
 * @throws HeddleError `unsupported_by_model` for an effort that the model can not be told; `chat_template_missing`
 */
export function planThinking(
  info: ModelInfo,
  { thinking, output_config: { effort: sent } }: ThinkingFields,
  { hasTools }: { hasTools: boolean },
): ThinkingPlan {
  const { hasSwitch, hasEfforts } = thinkingControls(info);
  const effort = sent ?? undefined;
  if (effort !== undefined && effort !== usualEffort && !hasSwitch && !hasEfforts) {
    throw new HeddleError(
      'unsupported_by_model',
      'This model can not be told how much it reasons: its chat template has no variable for it. Leave "output_config.effort" out.',
      { param: 'output_config.effort' },
    );
  }
  if (thinking?.type === 'disabled') {
    const variables = thinkingVariables(
      info,
      hasSwitch ? { enable_thinking: false } : {},
      effort !== undefined && hasEfforts ? efforts[effort] : undefined,
    );
    const marksReasoning = chooseFormat(chooseTemplate(info, { hasTools })).reasoning !== undefined;
    return hasSwitch || !marksReasoning
      ? { variables }
      : { variables, budget: { tokens: 0, param: 'thinking' } };
  }
  const isAsked = thinking !== undefined && hasSwitch;
  const variables = thinkingVariables(
    info,
    isAsked ? { enable_thinking: true } : {},
    effort !== undefined && (hasSwitch || hasEfforts) ? efforts[effort] : undefined,
  );
  if (thinking?.type !== 'enabled') return { variables };
  return { variables, budget: { tokens: thinking.budget_tokens, param: 'thinking.budget_tokens' } };
}
