import type { Token } from './generation.js';
import type { Standing } from './standing.js';

/** How a reranker reads a query and a document, as one input. */
export interface RerankingInfo {
  /** The form that the model's file has for it, with `{query}` and `{document}` in it; control tokens are written out. */
  readonly template?: string;
  /** Where there is none: tokens before the query, between the two, and after the document. */
  readonly marks: {
    readonly before: readonly Token[];
    readonly between: readonly Token[];
    readonly after: readonly Token[];
  };
}

/** One client request to compare documents with a query: what crosses the boundary to the engine. */
export interface RerankRequest extends Partial<Standing> {
  /** Unique among the requests of the engine. */
  readonly id: string;
  readonly query: string;
  /** At least one. Each is read with the query, by itself. */
  readonly documents: readonly string[];
}

/** What a document came to. */
export interface DocumentRelevance {
  /** 0 to 1: what the model takes for the probability that the document answers the query. */
  readonly relevance: number;
  /** Tokens of query, document and what the model wants around them. */
  readonly tokens: number;
}

/** One document of a rerank request is done. Documents are not done in order. */
export interface RelevanceUpdate extends DocumentRelevance {
  readonly kind: 'relevance';
  readonly requestId: string;
  /** Which document, from 0. */
  readonly document: number;
}
