/**
 * What a grammar may be: it comes from a client, and nothing of it may cost much memory or time. All are counts; what
 * goes beyond is refused.
 */
export const limits = {
  grammarCharacters: 512 * 1024,
  rules: 20_000,
  /** Parentheses in each other; schemas in each other. */
  nesting: 100,
  /** Of `{n}`, `{n,m}`, and what maxLength and maxItems become. */
  repetitions: 10_000,
  /** A token as it is written in a grammar. */
  tokenCharacters: 128,
  /** States of the network that a grammar becomes. */
  states: 50_000,
  /** Ways in which one text may have been read, so far. */
  readings: 2_000,
  /** Readings that are looked at to draw one token: a hundred milliseconds. */
  workForToken: 300_000,
  /** States that were reached by texts so far and are kept; each knows where every byte leads. */
  keptStates: 20_000,
  /** Bytes of those of all grammars of an engine together, roughly. */
  keptStateBytes: 64 * 1024 * 1024,
  /** Sets of allowed tokens that an engine keeps; each has a bit for each token. */
  keptTokenSets: 256,
  /** Grammars that are kept ready. */
  keptGrammars: 32,
  /** Values, keywords and properties of a JSON schema. */
  schemaNodes: 20_000,
  /** Objects and lists of a JSON schema in each other. */
  schemaDepth: 200,
  /** Names of properties. */
  nameCharacters: 256,
  /** Combinations that `anyOf` in `allOf` and the like come to. */
  schemaAlternatives: 256,
  patternCharacters: 10_000,
  /** States of an automaton of texts that satisfy several conditions at once. */
  automatonStates: 4_000,
  /** States of the expressions that it is made of. */
  expressionStates: 20_000,
  /** What computing it may take: states, jumps, edges and ranges that are looked at, some tenths of a second. */
  automatonWork: 2_000_000,
  /** The same for all automata of a schema together, and for those of all schemas of a request's tools. */
  schemaAutomatonWork: 4_000_000,
} as const;
