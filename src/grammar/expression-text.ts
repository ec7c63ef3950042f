import { anyOf, characterClass, inOrder, literal, repeated } from './gbnf-text.js';
import type { CodePoints } from './code-points.js';
import type { Expression } from './expression.js';

/**
 * An expression in GBNF.
 * @param character how one character of some is written; it can stand for several characters, as an escape does
 */
export function expressionText(
  expression: Expression,
  character: (of: CodePoints) => string = characterClass,
): string {
  switch (expression.kind) {
    case 'text':
      return literal(expression.text);
    case 'character':
      return character(expression.of);
    case 'rule':
      return expression.name;
    case 'token':
      return typeof expression.token === 'number' ? `<[${expression.token}]>` : expression.token;
    case 'sequence': {
      const items = expression.items.map((item) => expressionText(item, character));
      return items.length === 0 ? '""' : items.length === 1 ? (items[0] ?? '') : `( ${inOrder(...items)} )`;
    }
    case 'choice':
      return anyOf(expression.options.map((option) => expressionText(option, character)));
    case 'repeat':
      return repeated(expressionText(expression.item, character), expression.least, expression.most) || '""';
  }
}

/** How many characters its texts have. @returns the least and the most */
export function lengthOf(expression: Expression): readonly [least: number, most: number] {
  switch (expression.kind) {
    case 'text': {
      const length = Array.from(expression.text).length;
      return [length, length];
    }
    case 'character':
      return [1, 1];
    case 'rule':
    case 'token':
      return [0, Infinity];
    case 'sequence':
      return expression.items
        .map(lengthOf)
        .reduce(([least, most], [a, b]) => [least + a, most + b], [0, 0] as readonly [number, number]);
    case 'choice': {
      const lengths = expression.options.map(lengthOf);
      return [Math.min(...lengths.map(([least]) => least)), Math.max(...lengths.map(([, most]) => most))];
    }
    case 'repeat': {
      const [least, most] = lengthOf(expression.item);
      return [least * expression.least, most === 0 || expression.most === 0 ? 0 : most * expression.most];
    }
  }
}
