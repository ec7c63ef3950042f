import type { Descriptions } from '../operation.js';
import { chat } from './openai.js';
import { model, sampling } from './shared.js';

const { messages, tools, chat_template_kwargs, reasoning_effort } = chat;

const prompt = {
  messages: messages ?? '',
  tools: tools ?? '',
  chat_template_kwargs: chat_template_kwargs ?? '',
  reasoning_effort: reasoning_effort ?? '',
  prompt: 'A text, as completions take it; instead of messages',
};

export const cacheProbe: Descriptions = {
  ...prompt,
  model,
  cache_salt: sampling['cache_salt'] ?? '',
  against: 'Another prompt, to be told where the two first differ',
  ...Object.fromEntries(Object.entries(prompt).map(([name, text]) => [`against.${name}`, text])),
};

export const cacheAction: Descriptions = {
  model: 'The model, which is loaded if it is not; all that are loaded when not sent',
};

export const unload: Descriptions = { grace: 'Seconds that running requests may go on' };
