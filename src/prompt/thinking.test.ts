import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../core/model-runner.js';
import { thinkingVariables, type ReasoningEffort } from './thinking.js';

const variables = (
  chatTemplate: string,
  effort?: ReasoningEffort,
  given: Record<string, unknown> = {},
): Readonly<Record<string, unknown>> => thinkingVariables({ chatTemplate } as ModelInfo, given, effort);

const both = '{{ reasoning_effort }}{{ enable_thinking }}';

describe('how much a model is to reason', () => {
  it.each<[string, ReasoningEffort | undefined, object, object]>([
    ['{{ enable_thinking }}', undefined, { a: 1 }, { a: 1 }],
    ['{{ enable_thinking }}', 'none', { a: 1 }, { enable_thinking: false, a: 1 }],
    ['{{ enable_thinking }}', 'low', {}, { enable_thinking: true }],
    ['{{ enable_thinking }}', 'low', { enable_thinking: false }, { enable_thinking: false }],
    ['{% if thinking is defined %}', undefined, { enable_thinking: true }, { thinking: true }],
    ['{% if not thinking %}', 'none', {}, { thinking: false }],
    ['{{ reasoning_effort }}', 'high', {}, { reasoning_effort: 'high' }],
    [both, 'high', {}, { reasoning_effort: 'high' }],
    [both, 'none', {}, { reasoning_effort: 'none', enable_thinking: false }],
  ])('in %s with %s and %j is %j', (template, effort, given, expected) => {
    expect(variables(template, effort, given as Record<string, unknown>)).toEqual(expected);
  });

  it.each<[string, ReasoningEffort | undefined, object, string]>([
    ['nothing', 'high', {}, 'reasoning_effort'],
    ['{{ message.thinking }}', undefined, { enable_thinking: false }, 'chat_template_kwargs.enable_thinking'],
    ['nothing', undefined, { enable_thinking: false }, 'chat_template_kwargs.enable_thinking'],
    ['{{ reasoning_effort }}', undefined, { enable_thinking: false }, 'chat_template_kwargs.enable_thinking'],
  ])('is refused by %s with %s and %j', (template, effort, given, param) => {
    expect(() => variables(template, effort, given as Record<string, unknown>)).toThrow(
      expect.objectContaining({ code: 'unsupported_by_model', param }),
    );
  });
});
