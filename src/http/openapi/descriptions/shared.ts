import type { Descriptions } from '../operation.js';

export const model = 'An id or alias from `/v1/models`';

/** Of the parameters that say whose turn it is. */
export const standing: Descriptions = {
  priority: 'Extension. How soon an answer is wanted: `high` goes before `normal`, and that before `batch`',
  service_tier:
    'How soon an answer is wanted: `auto` and `default` are normal, `priority` is high, `flex` is batch. `priority` goes before it',
  user: 'Whose request it is: each user of a key has a turn of their own. Shown in the request log',
  safety_identifier: 'The same as `user`, which goes before it',
};

/** Of the parameters of sampling, and of what else all answers that are text have in common. */
export const sampling: Descriptions = {
  temperature: '0 is greedy, and so is all below 0.0001',
  top_p: 'Draws from the most likely tokens that have this share together',
  top_k: 'Extension. Draws from so many of the most likely tokens; 0 keeps all',
  min_p: 'Extension. Leaves out tokens that are less likely than this share of the most likely one',
  seed: 'Taken modulo 2^32; choice i uses seed + i. Random when not sent',
  repetition_penalty: 'Extension. Over prompt and output',
  presence_penalty: 'Over the output',
  frequency_penalty: 'Over the output',
  logit_bias: 'Token ids, and what is added to their logits; ids outside the vocabulary are refused',
  stop: 'A text, or up to 16 (`limits.stops`), of up to 1024 characters each; never part of the output',
  stop_token_ids: 'Extension. Tokens that end the output',
  ignore_eos: "Extension. The model's end tokens are never drawn",
  stream: 'The answer comes as it is made',
  cache_salt:
    'Extension. What is kept of a prompt serves only requests with the same salt; requests without one share among themselves',
  cache_prompt: 'Extension. With `false` the whole prompt is computed, and nothing of it is kept',
};

/** Of what both kinds of completions have beside. */
export const completions: Descriptions = {
  ...sampling,
  ...standing,
  model,
  max_tokens:
    'Tokens at most: the rest of the context when not sent. When the context ends first, `finish_reason` is `length`',
  n: 'Choices, at most as many as the model works on at once; the prompt is computed once',
  stream_options: 'Of a stream',
  'stream_options.include_usage': 'A last event with `usage` and no choices; the others have `usage: null`',
  'stream_options.include_obfuscation': 'Only `false`: streams are not padded',
  response_format:
    'What the text is held to, whatever the model: any JSON object, or a JSON schema, which is enforced with `strict` and without; what can not be enforced of it is refused by its path',
  grammar: "Extension, of llama.cpp's name. A grammar in GBNF that the text is held to, with the rule `root`",
  guided_json: "Extension, of vLLM's name. A JSON schema that the text is held to, or its text",
  guided_regex: "Extension, of vLLM's name. A regular expression that the whole text matches",
  guided_choice: "Extension, of vLLM's name. The text is one of these",
  guided_grammar: "Extension, of vLLM's name for `grammar`",
  structured_outputs: "Extension. vLLM's newer way to say what the text is held to",
};
