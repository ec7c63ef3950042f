import type { Operation } from './operation.js';
import { anthropicOperations } from './operations/anthropic-operations.js';
import { ollamaOperations } from './operations/ollama-operations.js';
import { openaiOperations } from './operations/openai-operations.js';
import { responsesOperations } from './operations/responses-operations.js';
import { serverOperations } from './operations/server-operations.js';

/** All that can be asked of the server. */
export const operations: readonly Operation[] = [
  ...openaiOperations,
  ...responsesOperations,
  ...anthropicOperations,
  ...ollamaOperations,
  ...serverOperations,
];
