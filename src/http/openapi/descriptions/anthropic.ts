import type { Descriptions } from '../operation.js';
import { model } from './shared.js';

export const countedMessage: Descriptions = {
  model,
  messages:
    'Turns of one role that follow each other are one. Where the last one is of the assistant, the answer goes on from its text',
  'messages[].role': 'Who says it',
  'messages[].content': 'A text, or blocks',
  'messages[].content[].tool_use_id': 'The call that this is the result of',
  'messages[].content[].is_error': 'The tool failed: the model reads `Error: ` before the result',
  'messages[].content[].signature': 'Any will do',
  system: 'A text, or text blocks, which become lines',
  tools: 'Tools that the model may call, where its chat template has tools',
  'tools[].name': 'The name to call it by',
  'tools[].description': 'What it does, for the model',
  'tools[].input_schema': 'A JSON schema of its input',
  'tools[].input_examples': 'Told to the model as `examples` of the schema',
  'tools[].eager_input_streaming': 'With `false` a call is sent when it is whole',
  tool_choice: 'Whether the model may call tools, or must',
  'tool_choice.disable_parallel_tool_use': 'An answer ends with its first call',
  thinking:
    '`enabled`: at most `budget_tokens`. `adaptive`: the model reasons as it was taught to. `disabled`: it does not. Not sent: as its chat template has it',
  'thinking.budget_tokens': 'Tokens of reasoning at most',
  'thinking.display': '`omitted`: the text is left out, and comes back in the `signature`',
  output_config: 'How the model answers',
  'output_config.effort':
    "By the chat template's variable or switch; a model that has neither takes `high` only",
  'output_config.format':
    'A JSON schema that the text of the answer is held to, whatever the model; reasoning is free',
  output_format: 'The older name of `output_config.format`',
  cache_control: 'The same as a mark on the last block. All of a prompt is kept for as long as there is room',
  context_management: 'Of the betas: what is to be taken out of a conversation before it is read',
  'context_management.edits': '`clear_thinking_20251015`',
};

export const messages: Descriptions = {
  ...countedMessage,
  max_tokens: 'Tokens at most, reasoning included',
  stream: 'The answer comes as it is made',
  temperature: '0 is greedy',
  top_p: 'Draws from the most likely tokens that have this share together',
  top_k: 'Draws from so many of the most likely tokens; 0 keeps all',
  stop_sequences: 'Up to 16 (`limits.stops`), of up to 1024 characters each',
  metadata: 'Of the request',
  'metadata.user_id': 'Whose request it is: each user of a key has a turn of their own',
  service_tier: 'Both are the same: there is one tier',
};

export const modelPage: Descriptions = {
  beta: 'Sent by clients of betas, which are the same here',
  limit: 'Models at most. This and the others are for requests with an `anthropic-version`',
  after_id: 'The model that the last page ended with',
  before_id: 'The model that the last page began with',
  lifecycle: 'All models are active',
};
