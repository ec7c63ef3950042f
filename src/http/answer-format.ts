import type { HeddleError } from '../core/errors.js';
import type { TokenLikelihood } from '../core/likelihood.js';
import type { OutputBlock } from '../prompt/output/output-blocks.js';
import type { PlacedLikelihood } from './content-likelihoods.js';
import type { AnswerEnd, AnswerPiece, Usage } from './answer.js';
import type { StreamEvent } from './sse-writer.js';

/** A choice of an answer that is whole. */
export interface WholeChoice {
  readonly blocks: readonly OutputBlock[];
  /** Of all its tokens, where the request asks for them; empty where it does not. */
  readonly likelihoods: readonly TokenLikelihood[];
  /** Of these, those of its content. */
  readonly contentLikelihoods: readonly PlacedLikelihood[];
  readonly end: AnswerEnd;
  /** What was not as the model's format asks. */
  readonly warnings: readonly string[];
}

/** How an API writes an answer down: its objects, for a stream and for a whole answer. Made for one answer. */
export interface AnswerFormat {
  /** What a stream begins with. @param choices how many there are @param usage what is known of it by then */
  opening(choices: number, usage: Usage): readonly StreamEvent[];
  piece(piece: AnswerPiece): readonly StreamEvent[];
  /** What tells a client that waits that the engine works; absent where an API has no such thing. */
  ping?(): StreamEvent;
  /** What a stream ends with when all has gone well. */
  closing(usage: Usage): readonly StreamEvent[];
  /** What a stream ends with otherwise. */
  failure(error: HeddleError): readonly StreamEvent[];
  whole(choices: readonly WholeChoice[], usage: Usage): object;
}
