import { describe, expect, it } from 'vitest';
import { argumentGrammars } from './argument-grammar.js';
import type { CalledTool } from './called-tool.js';

/** Many texts that are each costly to hold to a pattern. */
const costly = (strict: boolean, count: number): CalledTool[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `tool-${index}`,
    strict,
    path: `tools[${index}].function.parameters`,
    parameters: { type: 'object', properties: { a: { type: 'string', pattern: '^(?!9)(?:a?){400}$' } } },
  }));

describe('grammars of the arguments of all tools', () => {
  it('may take so much together: where nobody asked for more, the rest is any arguments', () => {
    const grammars = argumentGrammars({ kind: 'json' }, { tools: costly(false, 12), heldToAll: true });
    const any = grammars.at(-1)?.name;
    const held = grammars.map(({ name }) => name !== any);
    expect(held.filter(Boolean).length).toBeGreaterThan(1);
    expect(held.filter(Boolean).length).toBeLessThan(6);
    // The first ones are held, and none behind them.
    expect(held.lastIndexOf(true)).toBe(held.filter(Boolean).length - 1);
  });

  it('may take so much together: strict tools beyond that are refused', () => {
    const grammars = argumentGrammars({ kind: 'json' }, { tools: costly(true, 2), heldToAll: false });
    expect(new Set(grammars.map(({ name }) => name)).size).toBe(2);
    expect(() => argumentGrammars({ kind: 'json' }, { tools: costly(true, 12), heldToAll: false })).toThrow(
      expect.objectContaining({
        code: 'invalid_parameter',
        param: expect.stringMatching(/^tools\[[2-5]\]/) as string,
        message: expect.stringContaining('more than can be computed') as string,
      }) as Error,
    );
  });

  it('are not looked for in schemas without end, when many are too costly to be read', () => {
    const parts = Array.from({ length: 9000 }, () => ({ type: 'number' }));
    const cases = Array.from({ length: 250 }, (_, index) => ({ minimum: index }));
    const tools = Array.from({ length: 100 }, (_, index): CalledTool => {
      const value = { title: String(index), allOf: [{ anyOf: cases }, ...parts] };
      const parameters = { type: 'object', properties: { a: value } };
      return { name: `tool-${index}`, strict: false, path: `tools[${index}]`, parameters };
    });
    const grammars = argumentGrammars({ kind: 'json' }, { tools, heldToAll: true });
    expect(new Set(grammars.map(({ name }) => name)).size).toBe(1);
  });
});
