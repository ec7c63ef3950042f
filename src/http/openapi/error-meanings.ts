import type { ErrorCode } from '../../core/errors.js';

/** When an error is answered: the words of docs/api.md. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  invalid_http: 'what was sent is no HTTP request; the connection is closed',
  invalid_json: 'the body is no JSON',
  invalid_parameter:
    'a parameter has a wrong type or value; `param` says which. Or the body has too many lists and objects inside of each other',
  unsupported_schema: 'output can not be held to a JSON schema; `param` is the path of the keyword at fault',
  unsupported_parameter: 'a parameter is unknown, or not supported with this value',
  unsupported_by_model:
    'the model is not for this: an embedding model does not chat, a chat model does not embed, only a reranker reranks, and a template without tools calls none. The message names the models that are',
  context_length_exceeded: 'the prompt does not fit the context',
  chat_template_missing: 'the model has no chat template',
  chat_template_failed:
    "the model's chat template does not accept the messages, or needs something of Jinja that heddle does not know; the message says which",
  invalid_api_key: 'a key is needed, and there is none or a wrong one',
  permission_denied: 'the admin key is needed, and this is another one',
  host_not_allowed: 'the server was called by a name that it does not go by (`allowed_hosts`)',
  origin_not_allowed: 'a web page of an origin asks that may not (`cors_origins`)',
  model_not_found: 'no file has this id, or the id that the alias stands for',
  response_not_found: 'no response of this key has this id, or not any more',
  route_not_found: 'no such path, or one of the Ollama API that changes models',
  method_not_allowed: 'the path takes another method',
  request_timeout: 'the request did not arrive within 5 minutes, or its headers within one',
  body_too_large: 'the body is larger than `limits.body`, 16 MiB',
  unsupported_media_type: 'the body is not application/json; the Ollama API takes any type',
  rate_limited: 'the key has asked for as much as it may for now',
  headers_too_large: 'the headers of the request take more than 16 KiB',
  request_cancelled: 'the client closed the connection; only in logs',
  model_file_invalid: 'the file is no GGUF',
  model_file_truncated: 'the file is cut short',
  model_architecture_unknown: 'llama.cpp does not know the architecture',
  model_load_failed: 'the model could not be loaded for another reason',
  native_library_missing: 'no llama.cpp is installed; the message names the package',
  native_library_mismatch: 'the llama.cpp found is of another version or layout',
  wrong_thread: 'a native object was used on a thread that does not own it; a bug',
  handle_disposed: 'a native object was used after it was freed; a bug',
  native_call_failed: 'llama.cpp failed inside a step',
  listen_failed: 'the address can not be listened on; command line only',
  unprotected_address:
    'others can reach the address to listen on, and nobody is asked for a key; command line only',
  config_invalid:
    'the configuration file can not be read or has errors, or a key is not where it should be; command line only',
  server_unreachable: 'no server answers; command line only',
  bench_failed:
    '`heddle bench` can not measure: the server does not answer as it should, or was not restarted; command line only',
  internal_error: 'anything unexpected; a bug',
  load_cancelled: 'the load was cancelled',
  model_unloading: 'the model was unloaded while it worked on the request, or the server stops',
  insufficient_memory:
    'there is not enough memory for the model now. Not retryable when it needs more than the limit, or than the GPUs have',
  queue_full: 'the model has 1024 requests, or 256 (`max_queue`) callers wait for it to be loaded',
  engine_crashed: 'the engine was lost; the next request loads it again',
  engine_stalled:
    'the engine had work and made no progress; it was given up, and the next request loads it again',
  memory_pressure:
    'the machine is short of memory; running requests go on, new ones waited for as long as is configured',
  engine_closed: 'the engine had ended before it got the request',
  server_shutting_down: 'the server stops',
};
