import type { CodePoints } from './code-points.js';

/** What a rule of a grammar says: the right side of `name ::= ...`. */
export type Expression =
  /** Exactly this text. */
  | { readonly kind: 'text'; readonly text: string }
  /** One of these characters. */
  | { readonly kind: 'character'; readonly of: CodePoints }
  /** A text of another rule. */
  | { readonly kind: 'rule'; readonly name: string }
  /** One token of the model, whatever its text: by its id, or as the vocabulary writes it. */
  | { readonly kind: 'token'; readonly token: number | string }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly item: Expression; readonly least: number; readonly most: number };

export const nothing: Expression = { kind: 'sequence', items: [] };
