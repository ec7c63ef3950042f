import { responsesNeutral, responsesSchema } from '../../openai/responses/responses-schema.js';
import { itemsQuery, noBody, retrieveQuery } from '../../openai/responses/stored-responses-route.js';
import { deletedResponse, eventSchema, inputItems, responseSchema } from '../answers/responses.js';
import * as descriptions from '../descriptions/responses.js';
import type { Operation } from '../operation.js';
import { chatErrors } from './errors.js';

const idIs = 'The id of a response that was stored';
const response = { name: 'Response', schema: responseSchema };

/** OpenAI's Responses. */
export const responsesOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/responses',
    id: 'createResponse',
    tag: 'Responses',
    summary: 'Answers with items',
    description:
      'What the model reasons is an item of its own before its message, a call of a function is one after it.',
    body: {
      name: 'ResponseRequest',
      schema: responsesSchema,
      neutral: responsesNeutral,
      descriptions: descriptions.responses,
    },
    answer: { kind: 'json', description: 'The response, whole', body: response },
    stream: {
      contentType: 'text/event-stream',
      description:
        'With `stream`: events named by their `type`, and counted by `sequence_number`. The last one is `response.completed` or `response.incomplete`; when an answer fails in the middle, `response.failed` and `error`.',
      item: { name: 'ResponseEvent', schema: eventSchema },
    },
    errors: [...chatErrors, 'response_not_found'],
    example: { model: 'starter', input: 'What is the capital of Japan?' },
  },
  {
    method: 'get',
    path: '/v1/responses/:id',
    id: 'getResponse',
    tag: 'Responses',
    summary: 'Tells of a response that was stored',
    description: 'Each API key has its own; those of another are not found.',
    idIs,
    query: { schema: retrieveQuery, descriptions: descriptions.storedResponse },
    answer: { kind: 'json', description: 'The response, as it was answered', body: response },
    errors: ['response_not_found'],
  },
  {
    method: 'delete',
    path: '/v1/responses/:id',
    id: 'deleteResponse',
    tag: 'Responses',
    summary: 'Removes a response that was stored',
    description: 'Responses that went on from it keep what was said.',
    idIs,
    answer: {
      kind: 'json',
      description: 'It is removed',
      body: { name: 'DeletedResponse', schema: deletedResponse },
    },
    errors: ['response_not_found'],
  },
  {
    method: 'get',
    path: '/v1/responses/:id/input_items',
    id: 'listInputItems',
    tag: 'Responses',
    summary: 'Lists what a response answers',
    description: 'With what it went on from.',
    idIs,
    query: { schema: itemsQuery, descriptions: descriptions.inputItems },
    answer: {
      kind: 'json',
      description: 'A page of items',
      body: { name: 'InputItems', schema: inputItems },
    },
    errors: ['response_not_found'],
  },
  {
    method: 'post',
    path: '/v1/responses/:id/cancel',
    id: 'cancelResponse',
    tag: 'Responses',
    summary: 'Refused: nothing is made in the background',
    description: 'Closing the connection stops a response.',
    idIs,
    body: { name: 'CancelRequest', schema: noBody, descriptions: {}, isOptional: true },
    errors: ['response_not_found'],
  },
];
