import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';

/**
 * Tokenizing takes time that grows faster than the text: one that no request could have is refused before.
 * @param param path of the text in the body
 * @throws HeddleError `context_length_exceeded`
 */
export function checkPromptLength(text: string, info: ModelInfo, param: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= info.contextSize * info.longestTokenBytes) return;
  throw new HeddleError(
    'context_length_exceeded',
    `The prompt has ${bytes} bytes; no text of that length fits the context of this model, which holds ${info.contextSize} tokens.`,
    { param },
  );
}
