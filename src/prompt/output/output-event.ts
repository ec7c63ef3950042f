/**
 * How a tool call ended. `complete`: its arguments are a whole JSON object. `cut`: the output was cut off by its length
 * in the middle of it. `malformed`: it is no call, though its name has been told; its text follows as content.
 */
export type CallOutcome = 'complete' | 'cut' | 'malformed';

/** What was not as a model's format asks, without anything that the model wrote. */
export type OutputWarning = 'unoffered_tool' | 'unknown_receiver' | 'unreadable_call' | 'malformed_call';

/**
 * What a piece of a model's output is, whatever API it is for. Nothing of the output is lost: the texts of `content`,
 * `reasoning` and `marker` and the `raw` of `tool-call-end`, in order, are the output, character by character.
 */
export type OutputEvent =
  /** For the reader. */
  | { readonly kind: 'content'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  /** A call begins: the model has named the tool. `index` counts the calls of the output from 0. */
  | { readonly kind: 'tool-call'; readonly index: number; readonly id: string; readonly name: string }
  /** More of the JSON text of a call's arguments, which are an object. */
  | { readonly kind: 'tool-arguments'; readonly index: number; readonly text: string }
  | {
      readonly kind: 'tool-call-end';
      readonly index: number;
      readonly outcome: CallOutcome;
      /** The call as the model wrote it; empty for one that is malformed, since its text follows as content. */
      readonly raw: string;
    }
  /** What a model's format writes around its parts, and the white space beside it. Of no interest to clients. */
  | { readonly kind: 'marker'; readonly text: string }
  /** Something was not as the format asks: a code for logs, and a message for the client, which has the model's words. */
  | { readonly kind: 'warning'; readonly code: OutputWarning; readonly message: string };
