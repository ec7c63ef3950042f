import type { ErrorData } from './errors.js';
import type { LikelihoodWish, TokenLikelihood } from './likelihood.js';
import type { Standing } from './standing.js';
import type { CacheUse } from './prompt-cache.js';
import type { ReasoningLimit } from './reasoning-limit.js';
import type { Token } from './token.js';

export type { Token } from './token.js';

/** How the next token is drawn from the logits. Every field is honoured; there are no hidden defaults behind it. */
export interface SamplingParams {
  /** 0 means greedy: the most likely token, no randomness. */
  readonly temperature: number;
  /** Nucleus sampling: keep the smallest set of tokens whose probabilities sum to this. 1 keeps all. */
  readonly topP: number;
  /** Keep the k most likely tokens. 0 keeps all. */
  readonly topK: number;
  /** Keep tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  readonly minP: number;
  /** Unsigned 32 bit. The same seed gives the same text; absent means a random one. */
  readonly seed?: number;
  /** Divides (multiplies when negative) the logits of tokens seen in prompt or output. 1 is off. */
  readonly repetitionPenalty: number;
  /** Subtracted once from the logit of every token already generated. 0 is off. */
  readonly presencePenalty: number;
  /** Subtracted from the logit of a token for each time it was generated. 0 is off. */
  readonly frequencyPenalty: number;
  /** Added to the logits of single tokens before anything else; -100 bans and 100 forces, in effect. */
  readonly logitBias: readonly (readonly [token: Token, bias: number])[];
}

/** When generation ends, besides at the end of the context. */
export interface StopConditions {
  /** Tokens to generate at most; absent means as many as the context holds. */
  readonly maxTokens?: number;
  /** Generation ends before any of these texts; they never appear in the output. */
  readonly stopStrings: readonly string[];
  /** Generation ends when one of these is drawn; it adds no text. */
  readonly stopTokens: readonly Token[];
  /** The model's own end-of-generation tokens can not be drawn. */
  readonly ignoreEos: boolean;
}

/** A prompt as text, tokenized in the engine, as tokens, or as the two texts around the one that is wanted. */
export type Prompt =
  | {
      readonly kind: 'text';
      readonly text: string;
      /** Add the tokens the vocabulary asks for at the ends (BOS); off where a chat template wrote them. */
      readonly addSpecial: boolean;
      /** Read control tokens written out in the text, as chat templates do, as these tokens. */
      readonly parseSpecial: boolean;
      /** Where its messages end, offsets in UTF-16 units, ascending: other prompts may begin alike up to there. */
      readonly boundaries?: readonly number[];
    }
  | {
      readonly kind: 'tokens';
      readonly tokens: readonly Token[];
      /** The same, in tokens. */
      readonly boundaries?: readonly number[];
    }
  /** Only for models that can fill in the middle. Control tokens written out in the texts are read as text. */
  | { readonly kind: 'fill-in-middle'; readonly before: string; readonly after: string };

/** What a text may be. */
export interface GrammarSource {
  /** GBNF, llama.cpp's notation; a text must be of its rule `root`. */
  readonly source: string;
  /** GBNF of what stands before that text, such as reasoning; nothing when absent. Its rules are its own. */
  readonly opening?: string;
  /** Path of the request field that it came from, for errors. */
  readonly param?: string;
}

/** One client request for generated text: what crosses the boundary to the engine. */
export interface GenerateRequest extends Partial<Standing> {
  /** Unique among the requests of the engine. */
  readonly id: string;
  readonly prompt: Prompt;
  /** Independent continuations of the same prompt; each becomes a sequence. */
  readonly choices: number;
  readonly sampling: SamplingParams;
  readonly stop: StopConditions;
  readonly cache: CacheUse;
  /** Absent: none are told. */
  readonly likelihoods?: LikelihoodWish;
  /**
   * Control tokens, as they are written, that appear in the text like any other. All others have no text, and those that
   * end the generation never have. None when absent.
   */
  readonly controlTokens?: readonly string[];
  /** Reasoning is ended after so many tokens; never when absent. */
  readonly reasoningLimit?: ReasoningLimit;
  /**
   * The text is held to it, and generation ends when nothing can follow. {@link controlTokens} are text to it, and all
   * others are not. Any text when absent.
   */
  readonly grammar?: GrammarSource;
}

/** `stop`: an end token or stop string; `length`: the token limit or the end of the context. */
export type FinishReason = 'stop' | 'length';

/** What one step did for one sequence; a value of the engine's per-step message. */
export interface ChoiceUpdate {
  readonly kind: 'choice';
  readonly requestId: string;
  /** Which continuation, from 0. */
  readonly choice: number;
  /** New text, whole UTF-8 characters; empty when the token completed none or a stop string may be starting. */
  readonly text: string;
  /**
   * Of the tokens whose text, or a first part of it, is now out; present where the request asks for them. A token whose
   * text a stop string cut away has none.
   */
  readonly likelihoods?: readonly TokenLikelihood[];
  /** Tokens generated by this choice so far. */
  readonly completionTokens: number;
  /** Present on the last update of the choice. */
  readonly finish?: { readonly reason: FinishReason; readonly stopString?: string };
}

/** The prompt was tokenized and the request is queued. */
export interface AcceptedUpdate {
  readonly kind: 'accepted';
  readonly requestId: string;
  readonly promptTokens: number;
}

/**
 * The prompt's turn has come: at most once for a request, before its first choice. An engine that has not looked for what
 * is kept of the prompt does not say it.
 */
export interface StartedUpdate {
  readonly kind: 'started';
  readonly requestId: string;
  /** Tokens of the prompt that are taken over instead of being computed. */
  readonly cachedTokens: number;
}

/** The request ended with an error; no more updates follow. */
export interface FailedUpdate {
  readonly kind: 'failed';
  readonly requestId: string;
  readonly error: ErrorData;
}
