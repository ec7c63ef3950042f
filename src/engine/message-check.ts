import { errorCatalogue } from '../core/errors.js';
import type { RequestUpdate } from '../core/request-update.js';
import type { ProcessNotice, ProcessRequest } from './process-messages.js';
import type { EngineEvent } from './protocol.js';

/*
 * An engine process whose memory is damaged may send what can be read and is no message. Here is checked what would
 * throw in the gateway; a new kind of message is a type error here until it has its check.
 */

type Fields = Readonly<Record<string, unknown>>;
type Checks<Kind extends string> = Readonly<Record<Kind, (fields: Fields) => boolean>>;

const requests: Checks<ProcessRequest['kind']> = {
  start: () => true,
  command: ({ command }) => isFields(command),
  'open-lane': ({ lane }) => isCount(lane),
  cancel: ({ lane }) => isCount(lane),
  'cancel-all': () => true,
  'cancel-load': () => true,
};

const notices: Checks<ProcessNotice['kind']> = {
  event: ({ event }) => isOneOf(events, 'type', event),
  gone: ({ error }) => error === undefined || isErrorData(error),
};

const events: Checks<EngineEvent['type']> = {
  step: ({ updates: all }) => isListOf(all, (update) => isOneOf(updates, 'kind', update)),
  alive: ({ call }) => call === undefined || isCount(call),
  loading: ({ fraction }) => typeof fraction === 'number',
  refused: ({ call, error }) => isCount(call) && isErrorData(error),
  // The value goes to the one who made the call, and to nobody else.
  result: ({ call }) => isCount(call),
};

const updates: Checks<RequestUpdate['kind']> = {
  choice: ({ requestId, choice, text, likelihoods, completionTokens, finish }) =>
    isText(requestId) &&
    isCount(choice) &&
    isText(text) &&
    (likelihoods === undefined || isListOf(likelihoods, isLikelihood)) &&
    isCount(completionTokens) &&
    (finish === undefined || isFinish(finish)),
  accepted: ({ requestId, promptTokens }) => isText(requestId) && isCount(promptTokens),
  started: ({ requestId, cachedTokens }) => isText(requestId) && isCount(cachedTokens),
  embedding: ({ requestId, input, tokens, embedding }) =>
    isText(requestId) && isCount(input) && isCount(tokens) && embedding instanceof Float32Array,
  relevance: ({ requestId, document, relevance, tokens }) =>
    isText(requestId) && isCount(document) && isCount(tokens) && Number.isFinite(relevance),
  likelihoods: ({ requestId, ...run }) => isText(requestId) && isRun(run),
  score: ({ requestId, score, likelihoods }) =>
    isText(requestId) && isScore(score) && (likelihoods === undefined || isRun(likelihoods)),
  failed: ({ requestId, error }) => isText(requestId) && isErrorData(error),
};

/** What an engine process may say. */
export function isProcessNotice(message: unknown): message is ProcessNotice {
  return isOneOf(notices, 'kind', message);
}

/** What a gateway may say. */
export function isProcessRequest(message: unknown): message is ProcessRequest {
  return isOneOf(requests, 'kind', message);
}

function isOneOf<Kind extends string>(checks: Checks<Kind>, tag: string, value: unknown): boolean {
  if (!isFields(value)) return false;
  const kind = value[tag] as Kind;
  return isText(kind) && Object.hasOwn(checks, kind) && checks[kind](value);
}

function isFinish(finish: unknown): boolean {
  if (!isFields(finish)) return false;
  const { reason, stopString } = finish;
  return (reason === 'stop' || reason === 'length') && (stopString === undefined || isText(stopString));
}

function isRun(run: unknown): boolean {
  if (!isFields(run)) return false;
  const { from, tokens } = run;
  return isCount(from) && isListOf(tokens, isLikelihood);
}

function isLikelihood(likelihood: unknown): boolean {
  return isLikelyToken(likelihood) && isListOf((likelihood as Fields)['top'], isLikelyToken);
}

function isLikelyToken(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { token, bytes, name, logProbability } = value;
  return (
    isCount(token) &&
    bytes instanceof Uint8Array &&
    (name === undefined || isText(name)) &&
    typeof logProbability === 'number'
  );
}

function isScore(score: unknown): boolean {
  if (!isFields(score)) return false;
  const { promptTokens, tokens, logProbabilities, sum } = score;
  const isNumber = (value: unknown): boolean => typeof value === 'number';
  return (
    isCount(promptTokens) &&
    isListOf(tokens, isCount) &&
    isListOf(logProbabilities, isNumber) &&
    isNumber(sum)
  );
}

function isErrorData(error: unknown): boolean {
  if (!isFields(error)) return false;
  const { code, message, param } = error;
  return (
    isText(code) &&
    Object.hasOwn(errorCatalogue, code) &&
    isText(message) &&
    (param === undefined || isText(param))
  );
}

function isListOf(list: unknown, isItem: (item: unknown) => boolean): boolean {
  if (!Array.isArray(list)) return false;
  // Not `every`, which passes over holes.
  for (const item of list as unknown[]) if (!isItem(item)) return false;
  return true;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
