import { cacheProbeSchema } from '../../cache-probe-schema.js';
import { cacheActionSchema } from '../../cache-route.js';
import { loadSchema, unloadSchema } from '../../openai/models-route.js';
import { model } from '../answers/openai.js';
import * as answers from '../answers/server.js';
import * as descriptions from '../descriptions/server.js';
import type { Operation } from '../operation.js';
import { chatErrors, engineErrors } from './errors.js';

const idIs = 'An id or alias of a model';
const modelBody = { name: 'Model', schema: model };
const changed = { name: 'ChangedPromptCaches', schema: answers.changedPromptCaches };
const cacheAction = {
  name: 'CacheActionRequest',
  schema: cacheActionSchema,
  descriptions: descriptions.cacheAction,
  isOptional: true,
};

/** What an operator does with the server, and how it is doing. */
export const serverOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/health',
    id: 'health',
    tag: 'Server',
    summary: 'Tells whether the server is well',
    description:
      'The status is 200 also when it is degraded: the other models are served. Who lacks a key that is needed elsewhere is told `status` alone.',
    answer: { kind: 'json', description: 'How it is', body: { name: 'Health', schema: answers.health } },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'metrics',
    tag: 'Server',
    summary: 'Metrics for Prometheus',
    description: 'Shown without a key if `public_metrics` is configured.',
    answer: {
      kind: 'text',
      description: 'The text format of Prometheus',
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    },
  },
  {
    method: 'post',
    path: '/v1/models/:id/load',
    id: 'loadModel',
    tag: 'Server',
    summary: 'Loads a model now',
    description: 'Even if a load failed lately; answers when it is loaded.',
    idIs,
    body: { name: 'LoadRequest', schema: loadSchema, descriptions: {}, isOptional: true },
    answer: { kind: 'json', description: 'The model', body: modelBody },
    errors: engineErrors,
  },
  {
    method: 'post',
    path: '/v1/models/:id/unload',
    id: 'unloadModel',
    tag: 'Server',
    summary: 'Unloads a model',
    description: 'Answers when it is unloaded, and its memory was seen to come back.',
    idIs,
    body: {
      name: 'UnloadRequest',
      schema: unloadSchema,
      descriptions: descriptions.unload,
      isOptional: true,
    },
    answer: { kind: 'json', description: 'The model', body: modelBody },
    errors: engineErrors,
    example: { grace: 5 },
  },
  {
    method: 'get',
    path: '/admin/engines',
    id: 'listEngines',
    tag: 'Server',
    summary: 'Tells how every model is doing that was asked for so far',
    answer: {
      kind: 'json',
      description: 'The engines and the memory',
      body: { name: 'Engines', schema: answers.engines },
    },
  },
  {
    method: 'get',
    path: '/admin/cache',
    id: 'listPromptCaches',
    tag: 'Server',
    summary: 'Tells what each loaded model keeps of prompts, and where',
    answer: {
      kind: 'json',
      description: 'The prompt caches',
      body: { name: 'PromptCaches', schema: answers.promptCaches },
    },
  },
  {
    method: 'post',
    path: '/admin/cache/clear',
    id: 'clearPromptCaches',
    tag: 'Server',
    summary: 'Removes all that is kept of prompts',
    description: 'What running requests have in the KV cache stays.',
    body: cacheAction,
    answer: { kind: 'json', description: 'What is left, and what was removed', body: changed },
    errors: engineErrors,
  },
  {
    method: 'post',
    path: '/admin/cache/verify',
    id: 'verifyPromptCaches',
    tag: 'Server',
    summary: 'Reads every file of the prompt cache, and sets bad ones aside',
    body: cacheAction,
    answer: { kind: 'json', description: 'What there is, and what was bad', body: changed },
    errors: engineErrors,
  },
  {
    method: 'post',
    path: '/admin/cache/probe',
    id: 'probePromptCache',
    tag: 'Server',
    summary: 'Tells how much of a prompt is kept, and where it first differs from another',
    description: 'The model is loaded if it is not; nothing is computed.',
    body: {
      name: 'CacheProbeRequest',
      schema: cacheProbeSchema,
      descriptions: descriptions.cacheProbe,
    },
    answer: {
      kind: 'json',
      description: 'What is kept',
      body: { name: 'CacheProbe', schema: answers.cacheProbe },
    },
    errors: chatErrors,
    example: { model: 'starter', messages: [{ role: 'user', content: 'Hi' }] },
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'openApiDocument',
    tag: 'Server',
    summary: 'This document',
    description: 'The same for everybody, with and without a key. It has an `etag`.',
    answer: {
      kind: 'json',
      description: 'OpenAPI 3.1',
      body: { name: 'OpenApiDocument', schema: answers.openApiDocument },
    },
  },
  {
    method: 'get',
    path: '/docs',
    id: 'referencePage',
    tag: 'Server',
    summary: 'This document as a page',
    answer: { kind: 'text', description: 'HTML', contentType: 'text/html; charset=utf-8' },
  },
];
