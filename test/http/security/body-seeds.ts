const chat = {
  model: 'fake',
  messages: [
    { role: 'system', content: 'You are terse.' },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    { role: 'assistant', content: null, tool_calls: [] },
    { role: 'tool', tool_call_id: 'a', content: '5' },
  ],
};

const sampling = {
  temperature: 0.5,
  top_p: 0.9,
  seed: 7,
  stop: ['~~', 'END'],
  logit_bias: { 65: -3 },
  max_tokens: 3,
  n: 2,
  stream: true,
  stream_options: { include_usage: true },
  user: 'ann',
  priority: 'high',
  cache_salt: 'salt',
};

const parameters = { type: 'object', properties: { at: { type: 'string' } } };
const tool = { type: 'function', function: { name: 'look', description: 'Looks', parameters } };
const call = { id: 'a', type: 'function', function: { name: 'look', arguments: '{"at": "Rome"}' } };

const toolChat = {
  model: 'tools',
  messages: [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: '', reasoning_content: 'Hm.', tool_calls: [call] },
    { role: 'tool', tool_call_id: 'a', content: 'sunny' },
  ],
  tools: [tool],
  tool_choice: 'auto',
  parallel_tool_calls: false,
  max_tokens: 60,
};

const response = {
  model: 'tools',
  instructions: 'Be terse.',
  input: [
    { role: 'developer', content: [{ type: 'input_text', text: 'Hi' }] },
    { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
    { type: 'function_call', call_id: 'a', name: 'look', arguments: '{"at": "Rome"}', status: 'completed' },
    { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: 'sunny' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'So.', annotations: [] }] },
    { role: 'user', content: 'And now?' },
  ],
  tools: [{ type: 'function', name: 'look', description: 'Looks', parameters, strict: false }],
  tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] },
  metadata: { topic: 'demo' },
  include: [],
  text: { format: { type: 'text' } },
  max_output_tokens: 60,
  temperature: 0.5,
};

const messages = {
  model: 'tools',
  system: [{ type: 'text', text: 'Be terse.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'x' },
        { type: 'tool_use', id: 'a', name: 'look', input: { at: 'Rome' } },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'sunny', is_error: true }] },
  ],
  tools: [{ name: 'look', description: 'Looks', input_schema: parameters }],
  tool_choice: { type: 'auto', disable_parallel_tool_use: true },
};

const messagesMore = {
  ...messages,
  max_tokens: 60,
  stop_sequences: ['~~'],
  temperature: 0.5,
  top_k: 5,
  metadata: { user_id: 'ann' },
  thinking: { type: 'enabled', budget_tokens: 20 },
  stream: true,
};

const options = { temperature: 0.5, num_predict: 60, stop: ['~~'], seed: 3, repeat_last_n: -1, num_ctx: 64 };
const ollamaChat = {
  model: 'tools:latest',
  messages: [
    { role: 'user', content: 'Hi', images: [] },
    {
      role: 'assistant',
      content: '',
      thinking: 'Hm.',
      tool_calls: [{ function: { name: 'look', arguments: { at: 'Rome' } } }],
    },
    { role: 'tool', tool_name: 'look', content: 'sunny' },
  ],
  tools: [tool],
  think: true,
  options,
  keep_alive: '5m',
};
const ollamaText = { model: 'fake', prompt: 'Hi', system: 'Be terse.', options, keep_alive: 10 };

const schema = { ...parameters, required: ['at'], additionalProperties: false };
const likelihoods = { logprobs: true, top_logprobs: 2 };
const formChat = {
  ...chat,
  ...likelihoods,
  max_tokens: 20,
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
};
const formResponse = {
  model: 'fake',
  input: 'Hi',
  max_output_tokens: 20,
  text: { format: { type: 'json_schema', name: 'answer', schema } },
  include: ['message.output_text.logprobs'],
  top_logprobs: 2,
};
const formMessages = {
  model: 'fake',
  messages: [{ role: 'user', content: 'Hi' }],
  max_tokens: 20,
  output_config: { format: { type: 'json_schema', schema } },
};
const formText = { ...ollamaText, ...likelihoods, format: schema, options: { num_predict: 20 } };

const embeddings = { model: 'embedder', input: ['Hi', 'Ho'], encoding_format: 'base64', dimensions: 4 };
const rerank = { model: 'reranker', query: 'Hi', documents: ['a', { text: 'b' }], top_n: 1 };

/** What an endpoint would take, by the end of its path; the first that fits. */
const seeds: readonly (readonly [RegExp, readonly unknown[]])[] = [
  [/chat\/completions$/, [chat, { ...chat, ...sampling }, toolChat, { ...toolChat, stream: true }, formChat]],
  [
    /\/completions$/,
    [
      { model: 'fake', prompt: 'Hi', max_tokens: 3 },
      { model: 'fake', prompt: ['a', 'b'], ...sampling },
      { model: 'fake', prompt: [1, 2, 3], max_tokens: 2, stream: true },
    ],
  ],
  [
    /v1\/responses$/,
    [
      { model: 'fake', input: 'Hi', max_output_tokens: 3 },
      { model: 'fake', input: 'Hi', max_output_tokens: 3, stream: true, previous_response_id: 'resp_latest' },
      response,
      formResponse,
      { ...response, stream: true, reasoning: { effort: 'low' } },
    ],
  ],
  [/\/cancel$/, [{}]],
  [/count_tokens$/, [messages, { ...messages, thinking: { type: 'disabled' } }]],
  [
    /v1\/messages$/,
    [messagesMore, { ...messagesMore, stream: false }, { ...messages, max_tokens: 3 }, formMessages],
  ],
  [/api\/chat$/, [ollamaChat, { ...ollamaChat, stream: false }, { model: 'fake', messages: [] }]],
  [
    /api\/generate$/,
    [ollamaText, formText, { model: 'fake', prompt: 'Hi', raw: true, stream: false, options }],
  ],
  [
    /api\/embed$/,
    [
      { model: 'embedder', input: ['Hi', 'Ho'], truncate: false, dimensions: 4, keep_alive: -1 },
      { model: 'embedder', input: 'Hi', options: { num_ctx: 64 } },
    ],
  ],
  [/api\/embeddings$/, [{ model: 'embedder', prompt: 'Hi', keep_alive: '1h' }]],
  [/api\/show$/, [{ model: 'fake', verbose: false }, { name: 'tools' }]],
  [/v1\/embeddings$/, [embeddings, { model: 'embedder', input: [1, 2, 3] }]],
  [/rerank$/, [rerank, { ...rerank, return_documents: true }]],
  [
    /cache\/probe$/,
    [{ model: 'fake', prompt: 'Hi', against: { messages: [{ role: 'user', content: 'Hi' }] } }],
  ],
  [/cache\/(?:clear|verify)$/, [{}, { model: 'fake' }]],
  [/\/(?:load|unload)$/, [{}, { grace: 0 }]],
];

/** For endpoints that are not named above, such as those that refuse everything. */
const anySeeds = [
  { ...chat, ...sampling, prompt: 'Hi', input: ['Hi'], query: 'Hi', documents: ['a', 'b'] },
  { model: 'fake', input: 'Hi', prompt: 'Hi', max_tokens: 3 },
];

/** The routes that have no seeds of their own. */
export function withoutSeeds(patterns: readonly string[]): string[] {
  return patterns.filter((pattern) => !seeds.some(([end]) => end.test(pattern)));
}

/** Bodies that the endpoint of this path would take. */
export function seedsOf(pattern: string): readonly unknown[] {
  return seeds.find(([end]) => end.test(pattern))?.[1] ?? anySeeds;
}

const template = [
  '{%- if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}{{ reasoning_effort }}',
  '{%- for m in messages %}[{{ m.role }}]{{ m.reasoning_content or "" }}{{ m.content }}',
  '{%- for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{% endfor %}',
  '{%- if enable_thinking is defined %}{{ enable_thinking }}{% endif %}{#- <think> </think> #}',
].join('');

/** Fake models that the seeds name: they chat, call tools and reason, embed, rerank. */
export const seedModels: Readonly<Record<string, string>> = {
  fake: 'fake:?endAfter=3',
  other: 'fake:?endAfter=1',
  tools: `fake:?${new URLSearchParams({
    chatTemplate: template,
    scriptedText: '<think>Hm.</think>So:\n<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>',
  }).toString()}`,
  embedder: 'fake:?kind=embedding&pooling=last',
  reranker: 'fake:?pooling=none',
};
