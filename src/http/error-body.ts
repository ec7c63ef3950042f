import type { IncomingHttpHeaders } from 'node:http';
import type { HeddleError } from '../core/errors.js';
import { isAnthropicClient } from './anthropic/api-headers.js';
import { anthropicErrorBody } from './anthropic/error-body.js';
import { ollamaErrorBody } from './ollama/error-body.js';
import { errorBody } from './openai/error-body.js';

/** Whose API a path belongs to; what is nobody's answers as OpenAI's does. */
export type Api = 'openai' | 'anthropic' | 'ollama';

/**
 * @param url path, with or without a query
 * @param headers of the request: the list of models has one path for two APIs
 */
export function apiOf(url: string, headers: IncomingHttpHeaders = {}): Api {
  if (/^\/v1\/messages(?:[/?]|$)/.test(url)) return 'anthropic';
  if (/^\/v1\/models(?:[/?]|$)/.test(url) && isAnthropicClient(headers)) return 'anthropic';
  return url.startsWith('/api/') ? 'ollama' : 'openai';
}

/** An error in the shape of the API that was asked. */
export function errorBodyFor(api: Api, error: HeddleError, requestId: string): object {
  switch (api) {
    case 'anthropic':
      return anthropicErrorBody(error, requestId);
    case 'ollama':
      return ollamaErrorBody(error);
    case 'openai':
      return errorBody(error);
  }
}
