import { z } from 'zod';
import { chatSchema } from '../../ollama/chat-schema.js';
import { embedSchema, oldEmbedSchema } from '../../ollama/embed-schema.js';
import { generateNeutral, generateSchema } from '../../ollama/generate-schema.js';
import { refusals } from '../../ollama/refused-routes.js';
import { showNeutral, showSchema } from '../../ollama/show-route.js';

import * as answers from '../answers/ollama.js';
import * as descriptions from '../descriptions/ollama.js';
import type { Operation } from '../operation.js';
import { chatErrors, workErrors } from './errors.js';

const lines =
  'A JSON object in each line, unless `stream` is false: the last one has `"done": true`, counts and times. An error in the middle is the last line.';

/** The Ollama API. */
export const ollamaOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/api/chat',
    id: 'ollamaChat',
    tag: 'Ollama',
    summary: 'Answers a chat',
    description: 'Streamed where nothing is said. Without messages the model is loaded, or unloaded.',
    body: {
      name: 'OllamaChatRequest',
      schema: chatSchema,

      descriptions: descriptions.chat,
    },
    answer: {
      kind: 'json',
      description: 'With `"stream": false`: the answer, whole',
      body: {
        name: 'OllamaChatAnswer',
        schema: z.union([answers.chatAnswer, answers.chatResidenceAnswer]),
      },
    },
    stream: {
      contentType: 'application/x-ndjson',
      description: lines,
      item: { name: 'OllamaChatLine', schema: z.union([answers.chatLine, answers.ollamaError]) },
    },
    errors: chatErrors,
    example: {
      model: 'starter',
      messages: [{ role: 'user', content: 'What is the capital of Japan?' }],
    },
  },
  {
    method: 'post',
    path: '/api/generate',
    id: 'ollamaGenerate',
    tag: 'Ollama',
    summary: 'Answers one message, or goes on with a text',
    description:
      'With `raw`, or a model without a template, the prompt is gone on with as it is. Without a prompt the model is loaded, or unloaded.',
    body: {
      name: 'OllamaGenerateRequest',
      schema: generateSchema,
      neutral: generateNeutral,
      descriptions: descriptions.generate,
    },
    answer: {
      kind: 'json',
      description: 'With `"stream": false`: the answer, whole',
      body: {
        name: 'OllamaGenerateAnswer',
        schema: z.union([answers.generateAnswer, answers.residenceAnswer]),
      },
    },
    stream: {
      contentType: 'application/x-ndjson',
      description: lines,
      item: { name: 'OllamaGenerateLine', schema: z.union([answers.generateLine, answers.ollamaError]) },
    },
    errors: chatErrors,
    example: { model: 'starter', prompt: 'What is the capital of Japan?' },
  },
  {
    method: 'post',
    path: '/api/embed',
    id: 'ollamaEmbed',
    tag: 'Ollama',
    summary: 'Embeds texts',
    description: 'With a model whose kind is `embedding`. Embeddings have length 1.',
    body: { name: 'OllamaEmbedRequest', schema: embedSchema, descriptions: descriptions.embed },
    answer: {
      kind: 'json',
      description: 'An embedding of each text',
      body: { name: 'OllamaEmbeddings', schema: answers.embedAnswer },
    },
    errors: workErrors,
    example: { model: 'my-embedder', input: ['A first text', 'A second one'] },
  },
  {
    method: 'post',
    path: '/api/embeddings',
    id: 'ollamaEmbeddings',
    tag: 'Ollama',
    summary: 'Embeds a text: the older form',
    description: 'The embedding is as the model made it. A text that is too long is cut.',
    body: { name: 'OllamaOldEmbedRequest', schema: oldEmbedSchema, descriptions: descriptions.oldEmbed },
    answer: {
      kind: 'json',
      description: 'The embedding',
      body: { name: 'OllamaOldEmbedding', schema: answers.oldEmbedAnswer },
    },
    errors: workErrors,
    example: { model: 'my-embedder', prompt: 'A text' },
  },
  {
    method: 'get',
    path: '/api/tags',
    id: 'ollamaTags',
    tag: 'Ollama',
    summary: 'Lists the models on disk, and aliases',
    description: '`digest` is the SHA-256 of path, size and time of change, not of the content.',
    answer: { kind: 'json', description: 'The models', body: { name: 'OllamaModels', schema: answers.tags } },
  },
  {
    method: 'post',
    path: '/api/show',
    id: 'ollamaShow',
    tag: 'Ollama',
    summary: "Tells what a model's file says",
    description: 'Without loading it.',
    body: {
      name: 'OllamaShowRequest',
      schema: showSchema,
      neutral: showNeutral,
      descriptions: descriptions.show,
    },
    answer: {
      kind: 'json',
      description: 'What it says',
      body: { name: 'OllamaModelFile', schema: answers.shown },
    },
    errors: ['model_not_found'],
    example: { model: 'starter' },
  },
  {
    method: 'get',
    path: '/api/ps',
    id: 'ollamaPs',
    tag: 'Ollama',
    summary: 'Lists the models that are loaded',
    answer: {
      kind: 'json',
      description: 'The models',
      body: { name: 'OllamaLoadedModels', schema: answers.loaded },
    },
  },
  {
    method: 'get',
    path: '/api/version',
    id: 'ollamaVersion',
    tag: 'Ollama',
    summary: 'Tells the version',
    answer: {
      kind: 'json',
      description: 'The versions',
      body: { name: 'OllamaVersion', schema: answers.versions },
    },
  },
  {
    method: 'get',
    path: '/',
    id: 'ollamaRunning',
    tag: 'Ollama',
    summary: 'Tells that the server runs',
    description: 'In the words that clients of Ollama look for.',
    answer: { kind: 'text', description: 'That it runs', contentType: 'text/plain; charset=utf-8' },
  },
  ...refusals.map(({ method, url, why }): Operation => {
    const verb = url.slice('/api/'.length);
    return {
      method: method === 'POST' ? 'post' : 'delete',
      path: url,
      id: `ollama${verb.charAt(0).toUpperCase()}${verb.slice(1)}`,
      tag: 'Ollama',
      summary: `Refused: heddle ${why}`,
      errors: ['route_not_found'],
    };
  }),
];
