import type { Descriptions } from '../operation.js';
import { model, sampling, standing } from './shared.js';

export const responses: Descriptions = {
  ...sampling,
  ...standing,
  model,
  input:
    'A text, which is a message of the user, or up to 10,000 (`limits.messages`) items. Images, files and audio are refused, and so are items of other types',
  'input[].role': 'Who says it; `developer` is the same as `system`',
  'input[].content': 'A text, or text parts',
  'input[].call_id': 'By which a call and its output find each other',
  'input[].output': 'What the function answered',
  instructions: 'A system message before all else; not carried over to the next response',
  previous_response_id: 'What was said up to the end of this response comes before `input`',
  store: 'The response can be asked for and gone on from, as long as there is room',
  max_output_tokens:
    'Tokens at most, reasoning included. When they or the context end first, `status` is `incomplete`',
  reasoning: 'How much the model is to reason, as far as its chat template knows such a thing',
  'reasoning.effort': 'As `reasoning_effort` of chat completions',
  'reasoning.summary': 'Refused: reasoning is not summarised, it is in the output itself',
  'reasoning.generate_summary': 'Refused, as `summary`',
  'reasoning.context': 'Only `auto`',
  'reasoning.mode': 'Only `standard`',
  text: 'The form of the answer',
  'text.format':
    'What it is held to, whatever the model: any JSON object, or a JSON schema; reasoning is free',
  top_logprobs:
    'As many of the most likely tokens at each place. Goes with `message.output_text.logprobs` in `include`',
  'text.verbosity': 'Refused: a model can not be told how much to say but in words',
  include: 'Refused unless empty',
  metadata: 'Told back',
  stream_options: 'Of a stream',
  'stream_options.include_obfuscation': 'Only `false`: streams are not padded',
  prompt_cache_key: 'Told back, and that is all: what is kept of a prompt is found by the prompt itself',
  chat_template_kwargs:
    'Extension. Further variables for the chat template of the model, such as `{"enable_thinking": false}`',
  thinking_budget: 'Extension. Tokens of reasoning at most',
  tools: 'Functions that the model may call, where its chat template has tools',
  'tools[].name': 'The name to call it by',
  'tools[].description': 'What it does, for the model',
  'tools[].parameters': 'A JSON schema of its arguments',
  tool_choice: 'Whether the model may call tools, or must, and which; it sees no others',
  parallel_tool_calls: 'With `false` a response ends with its first call',
};

export const storedResponse: Descriptions = {
  stream: 'Only `false`: a response that is stored is not streamed again',
};

export const inputItems: Descriptions = {
  after: 'The id of the item that the last page ended with',
  limit: 'Items at most',
  order: '`desc`: the last one first',
};
