import type { Descriptions } from '../operation.js';
import { completions, model, standing } from './shared.js';

export const chat: Descriptions = {
  ...completions,
  messages:
    'Up to 10,000 (`limits.messages`). `content` is a text or text parts, which become lines; images, audio and files are refused',
  'messages[].role': 'Who says it; `developer` is the same as `system`',
  'messages[].content': 'A text, or text parts',
  'messages[].reasoning_content': 'What the model reasoned before its answer',
  'messages[].tool_calls': 'As an answer has them',
  'messages[].tool_call_id': 'The call that this is the result of',
  max_completion_tokens: 'The same as `max_tokens`, and goes before it',
  logprobs: 'Each token that was generated is told with its log-probability',
  top_logprobs: 'As many of the most likely tokens at each place. Goes with `logprobs`',
  prompt_cache_key: 'Taken, and changes nothing: what is kept of a prompt is found by the prompt itself',
  chat_template_kwargs:
    'Extension. Further variables for the chat template of the model, such as `{"enable_thinking": false}`',
  reasoning_effort:
    'How much the model is to reason, where its chat template has a variable for it; else refused',
  reasoning_format:
    "Extension, of llama.cpp's name: with `none` reasoning stays in the content, with its markers",
  thinking_budget:
    'Extension. Tokens of reasoning at most; then its end is written in the place of the model. Refused for models whose templates mark no reasoning',
  tools: 'Functions that the model may call, where its chat template has tools',
  'tools[].function': 'A function',
  'tools[].function.name': 'The name to call it by',
  'tools[].function.description': 'What it does, for the model',
  'tools[].function.parameters': 'A JSON schema of its arguments',
  tool_choice: 'Whether the model may call tools, or must',
  parallel_tool_calls: 'With `false` an answer ends with its first call',
};

export const texts: Descriptions = {
  ...completions,
  prompt:
    'A text, a list of tokens, or a list of up to 64 of either; the choices of the first prompt come first. Control tokens written out in a text are read as such. Nothing is the beginning of a document',
  max_tokens:
    'Tokens at most: the rest of the context when not sent. 0 is for those who want to know of their prompt alone',
  best_of:
    'So many choices are made, and the `n` with the highest log-probability per token are answered with, the best first',
  echo: 'The prompt comes before the text; with `logprobs`, its tokens have theirs',
  logprobs: 'As many of the most likely tokens at each place, with their log-probabilities',
  suffix:
    'The text that comes after the completion, where the vocabulary has tokens for that (fill-in-the-middle); other models refuse',
};

export const embeddings: Descriptions = {
  ...standing,
  model,
  input:
    'A text, a list of tokens, or a list of up to 2048 of either. A text gets the tokens that the model wants around it, a list of tokens does not',
  encoding_format: '`base64`: 32-bit floats, little-endian',
  dimensions:
    'Of each embedding the first so many numbers, scaled to length 1 again. Of use with models that are trained for it',
};

export const reranking: Descriptions = {
  ...standing,
  model,
  query: 'What is looked for',
  documents: 'Texts, or objects with a `text`',
  'documents[].text': 'The text of the document',
  top_n: 'Results at most: the most relevant ones',
  return_documents: 'Each result has its document',
};
