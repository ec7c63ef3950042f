import type { Descriptions } from '../operation.js';

const common: Descriptions = {
  model: 'An id or alias, with or without `:latest`',
  keep_alive:
    'A duration (`"5m"`, `"1h30m"`), or seconds: how long the model stays when nobody uses it. 0 unloads it as soon as it is idle, negative keeps it until its memory is needed',
  options: 'Of the model and its sampling',
  'options.num_ctx':
    'Tokens of context that the client counts on: refused where the model is loaded with less',
};

const operators = "Only Ollama's default: how a model is loaded is said in the configuration of the server";

const text: Descriptions = {
  ...common,
  stream: 'A JSON object in each line, the last one with `"done": true`',
  think: 'Whether the model is to reason; where nothing is said, as its chat template does',
  format:
    '`json`, or a JSON schema that the text of the answer is held to, whatever the model; reasoning is free',
  logprobs: 'Each token of the answer is told with its log-probability',
  top_logprobs: 'As many of the most likely tokens at each place. Goes with `logprobs`',
  images: 'Refused unless empty',
  'options.temperature': '0 is greedy, and so is all below 0.0001',
  'options.top_p': 'Draws from the most likely tokens that have this share together',
  'options.top_k': 'Draws from so many of the most likely tokens; 0 keeps all',
  'options.min_p': 'Leaves out tokens that are less likely than this share of the most likely one',
  'options.seed': 'Taken modulo 2^32; random when not sent',
  'options.num_predict': 'Tokens at most; 0 and negative: the rest of the context',
  'options.stop': 'A text, or up to 16 (`limits.stops`); never part of the output',
  'options.repeat_penalty': 'Over prompt and output',
  'options.presence_penalty': 'Over the output',
  'options.frequency_penalty': 'Over the output',
  'options.repeat_last_n': 'Tokens that penalties look at: all (-1), or none (0)',
  'options.num_keep': 'Any value: nothing is ever dropped from a prompt',
  'options.typical_p': 'Only 1',
  'options.tfs_z': 'Only 1',
  'options.mirostat': 'Only 0',
  'options.mirostat_tau': 'Of mirostat, which is off',
  'options.mirostat_eta': 'Of mirostat, which is off',
  'options.penalize_newline': 'Only true: penalties are for all tokens',
  ...Object.fromEntries(
    [
      'num_gpu',
      'main_gpu',
      'num_thread',
      'num_batch',
      'use_mmap',
      'use_mlock',
      'numa',
      'low_vram',
      'f16_kv',
      'vocab_only',
      'logits_all',
    ].map((name) => [`options.${name}`, operators]),
  ),
};

export const chat: Descriptions = {
  ...text,
  messages: 'None: the model is loaded, or unloaded',
  'messages[].role': 'Who says it',
  'messages[].content': 'What is said',
  'messages[].thinking': 'What the model reasoned before its answer',
  'messages[].images': 'Refused unless empty',
  'messages[].tool_calls': 'As an answer has them',
  'messages[].tool_name': 'Of a result: the tool that was called',
  'messages[].tool_call_id': 'The call that this is the result of, else the first that has none',
  tools: 'Functions that the model may call, where its chat template has tools',
  'tools[].function.name': 'The name to call it by',
  'tools[].function.description': 'What it does, for the model',
  'tools[].function.parameters': 'A JSON schema of its arguments',
};

export const generate: Descriptions = {
  ...text,
  prompt:
    'A message of the user; with `raw`, a text that is gone on with as it is. Empty: the model is loaded, or unloaded',
  system: 'A system message before it',
  raw: 'No template, and nothing is read out of the answer; `system` and `think` are refused',
};

export const embed: Descriptions = {
  ...common,
  input: 'A text or a list of texts; none at all: the model is loaded, or unloaded',
  truncate: 'An input that is too long is cut; `false` refuses it',
  dimensions: 'Of each embedding the first so many numbers, scaled to length 1 again',
};

export const oldEmbed: Descriptions = {
  ...common,
  prompt: 'A text; empty: the model is loaded, or unloaded',
};

export const show: Descriptions = {
  model: 'An id or alias, with or without `:latest`',
  name: 'What `model` was called before',
};
