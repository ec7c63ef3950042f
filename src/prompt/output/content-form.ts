import type { GrammarSource } from '../../core/generation.js';
import type { NamedGrammar } from '../../grammar/index.js';

/** What the content of an answer is held to. Its `source` is the whole of it. */
export interface ContentForm extends GrammarSource {
  /** The same as a part of other grammars; absent where a client wrote the grammar itself. */
  readonly part?: NamedGrammar;
}
