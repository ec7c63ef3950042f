import type { Marker } from '../../grammar/index.js';

/**
 * How a family writes tool calls: what a grammar that demands them is made of. The calls of an output are `begin`, each call,
 * `between` from one to the next, and `end`.
 */
export interface CallSyntax {
  readonly begin: string;
  readonly between: string;
  readonly end: string;
  /** What stands before the arguments of a call. @param index which call of the output, from 0 */
  readonly before: (name: string, index: number) => string;
  readonly after: string;
  readonly arguments: ArgumentSyntax;
  /** An output has one call at most. */
  readonly isSingle?: boolean;
  /** What `before` begins with, and other texts may have as well: a call is known by what follows it. */
  readonly lead?: string;
  /**
   * What calls of these tools begin with, where others may not: what a format's openings are, if absent.
   * @param tools their names
   */
  readonly marks?: (tools: readonly string[]) => readonly Marker[];
  /** What an output begins with that is calls without an opening, and then nothing else; absent where none is. */
  readonly bare?: (tools: readonly string[]) => readonly Marker[];
}

/**
 * How arguments are written. `json`: as a JSON object. `gemma`: as Gemma's objects. `parameters`: one by one; a text as it
 * is, up to `after`, and anything else as JSON.
 */
export type ArgumentSyntax =
  | { readonly kind: 'json' }
  | { readonly kind: 'gemma' }
  | {
      readonly kind: 'parameters';
      readonly before: (name: string, isText: boolean) => string;
      readonly after: string;
    };

const json: ArgumentSyntax = { kind: 'json' };

/** A JSON object for each call, `key` being what the family calls its arguments. */
export function jsonObjectSyntax(parts: {
  begin?: string;
  between?: string;
  end?: string;
  open?: string;
  close?: string;
  key?: string;
}): CallSyntax {
  const { begin = '', between = '\n', end = '', open = '', close = '', key = 'arguments' } = parts;
  return {
    begin,
    between,
    end,
    before: (name) => `${open}{"name": ${JSON.stringify(name)}, ${JSON.stringify(key)}: `,
    after: `}${close}`,
    arguments: json,
  };
}

/** The arguments alone, behind a header for each call. */
export function headerSyntax(
  before: (name: string, index: number) => string,
  parts: { begin?: string; between?: string; end?: string; after?: string } = {},
): CallSyntax {
  const { begin = '', between = '', end = '', after = '' } = parts;
  return { begin, between, end, before, after, arguments: json };
}
