import { HeddleError } from '../../../core/errors.js';
import { logProbabilities } from './likelihood-wish.js';
import type { ResponsesBody } from './responses-schema.js';

/**
 * Refuses what is a parameter of the API, and asks for what there is not.
 * @throws HeddleError `unsupported_parameter`, with the path
 */
export function checkSupported({ include, reasoning, text, stream_options: stream }: ResponsesBody): void {
  for (const [index, name] of include.entries()) {
    if (name !== logProbabilities)
      throw unsupported(`include[${index}]`, whyNot[name] ?? `"${name}" is not supported.`);
  }
  for (const name of ['summary', 'generate_summary'] as const) {
    if (typeof reasoning[name] !== 'string') continue;
    throw unsupported(`reasoning.${name}`, 'Reasoning is not summarised: it is in the output itself.');
  }
  if (typeof reasoning.context === 'string' && reasoning.context !== 'auto')
    throw unsupported(
      'reasoning.context',
      'What of earlier reasoning is read again is up to the chat template of the model.',
    );
  if (typeof reasoning.mode === 'string' && reasoning.mode !== 'standard')
    throw unsupported('reasoning.mode', 'The one mode is "standard".');
  if (typeof text.verbosity === 'string')
    throw unsupported('text.verbosity', 'A model can not be told how much to say but in words.');
  if (stream.include_obfuscation === true)
    throw unsupported('stream_options.include_obfuscation', 'Streams are not obfuscated.');
}

const whyNot: Readonly<Record<string, string>> = {
  'reasoning.encrypted_content':
    'Reasoning is not encrypted: it is in the content of its item, and can be sent back as it is.',
};

function unsupported(param: string, message: string): HeddleError {
  return new HeddleError('unsupported_parameter', `"${param}": ${message}`, { param });
}
