import type { HeddleError } from '../../core/errors.js';

/** An error in the shape of the Ollama API; in a stream it is a line of its own. */
export function ollamaErrorBody({ message }: HeddleError): object {
  return { error: message };
}
