import type { ErrorCode } from '../../../core/errors.js';

/** Of what asks for a model's engine, loading it where it is not. */
export const engineErrors: readonly ErrorCode[] = [
  'model_not_found',
  'model_file_invalid',
  'model_file_truncated',
  'model_architecture_unknown',
  'model_load_failed',
  'native_library_missing',
  'native_library_mismatch',
  'wrong_thread',
  'handle_disposed',
  'native_call_failed',
  'load_cancelled',
  'model_unloading',
  'insufficient_memory',
  'queue_full',
  'engine_crashed',
  'engine_stalled',
  'memory_pressure',
  'engine_closed',
  'server_shutting_down',
];

/** Of what has an engine compute something. */
export const workErrors: readonly ErrorCode[] = [
  ...engineErrors,
  'unsupported_by_model',
  'context_length_exceeded',
];

/** Of what writes a chat down with the model's template. */
export const chatErrors: readonly ErrorCode[] = [
  ...workErrors,
  'unsupported_schema',
  'chat_template_missing',
  'chat_template_failed',
];
