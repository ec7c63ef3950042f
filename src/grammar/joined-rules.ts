import type { Expression } from './expression.js';
import type { Rules } from './gbnf-reader.js';

/** No rule that was read has it in its name: the rules of the two grammars can not meet. */
const prefix = 'opening:';

/** Of joined rules, the one that is the whole. */
export const joinedRoot = `${prefix}whole`;

/** Two grammars, one behind the other. The roots of both are looked for when they are built. */
export function joinedRules(opening: Rules, rules: Rules): Rules {
  const joined = new Map(rules);
  for (const [name, expression] of opening) joined.set(prefix + name, renamed(expression));
  const items: Expression[] = [
    { kind: 'rule', name: `${prefix}root` },
    { kind: 'rule', name: 'root' },
  ];
  return joined.set(joinedRoot, { kind: 'sequence', items });
}

function renamed(expression: Expression): Expression {
  switch (expression.kind) {
    case 'rule':
      return { kind: 'rule', name: prefix + expression.name };
    case 'sequence':
      return { kind: 'sequence', items: expression.items.map(renamed) };
    case 'choice':
      return { kind: 'choice', options: expression.options.map(renamed) };
    case 'repeat':
      return { ...expression, item: renamed(expression.item) };
    case 'text':
    case 'character':
    case 'token':
      return expression;
  }
}
