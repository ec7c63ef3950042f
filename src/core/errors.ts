/**
 * The error catalogue: every failure a user can cause or meet, with the HTTP status it is answered with.
 *
 * `type` is the coarse class that the OpenAI API puts into `error.type`. `retryable` says whether the same
 * request can succeed later without being changed; a single error can say otherwise. docs/api.md lists the same codes; a test holds the two together.
 */
export const errorCatalogue = {
  invalid_http: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_json: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_parameter: { status: 400, type: 'invalid_request_error', retryable: false },
  unsupported_schema: { status: 400, type: 'invalid_request_error', retryable: false },
  unsupported_parameter: { status: 400, type: 'invalid_request_error', retryable: false },
  unsupported_by_model: { status: 400, type: 'invalid_request_error', retryable: false },
  context_length_exceeded: { status: 400, type: 'invalid_request_error', retryable: false },
  chat_template_missing: { status: 400, type: 'invalid_request_error', retryable: false },
  chat_template_failed: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_api_key: { status: 401, type: 'invalid_request_error', retryable: false },
  permission_denied: { status: 403, type: 'invalid_request_error', retryable: false },
  host_not_allowed: { status: 403, type: 'invalid_request_error', retryable: false },
  origin_not_allowed: { status: 403, type: 'invalid_request_error', retryable: false },
  model_not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  response_not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  route_not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  method_not_allowed: { status: 405, type: 'invalid_request_error', retryable: false },
  request_timeout: { status: 408, type: 'invalid_request_error', retryable: false },
  body_too_large: { status: 413, type: 'invalid_request_error', retryable: false },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', retryable: false },
  rate_limited: { status: 429, type: 'rate_limit_error', retryable: true },
  headers_too_large: { status: 431, type: 'invalid_request_error', retryable: false },
  request_cancelled: { status: 499, type: 'invalid_request_error', retryable: false },
  model_file_invalid: { status: 500, type: 'server_error', retryable: false },
  model_file_truncated: { status: 500, type: 'server_error', retryable: false },
  model_architecture_unknown: { status: 500, type: 'server_error', retryable: false },
  model_load_failed: { status: 500, type: 'server_error', retryable: false },
  native_library_missing: { status: 500, type: 'server_error', retryable: false },
  native_library_mismatch: { status: 500, type: 'server_error', retryable: false },
  wrong_thread: { status: 500, type: 'server_error', retryable: false },
  handle_disposed: { status: 500, type: 'server_error', retryable: false },
  native_call_failed: { status: 500, type: 'server_error', retryable: false },
  listen_failed: { status: 500, type: 'server_error', retryable: false },
  unprotected_address: { status: 500, type: 'server_error', retryable: false },
  config_invalid: { status: 500, type: 'server_error', retryable: false },
  server_unreachable: { status: 500, type: 'server_error', retryable: false },
  bench_failed: { status: 500, type: 'server_error', retryable: false },
  internal_error: { status: 500, type: 'server_error', retryable: false },
  load_cancelled: { status: 503, type: 'server_error', retryable: true },
  model_unloading: { status: 503, type: 'server_error', retryable: true },
  insufficient_memory: { status: 507, type: 'server_error', retryable: true },
  queue_full: { status: 503, type: 'server_error', retryable: true },
  engine_crashed: { status: 503, type: 'server_error', retryable: true },
  engine_stalled: { status: 503, type: 'server_error', retryable: true },
  memory_pressure: { status: 503, type: 'server_error', retryable: true },
  engine_closed: { status: 503, type: 'server_error', retryable: true },
  server_shutting_down: { status: 503, type: 'server_error', retryable: true },
} as const satisfies Record<string, ErrorEntry>;

interface ErrorEntry {
  readonly status: number;
  readonly type: 'invalid_request_error' | 'rate_limit_error' | 'server_error';
  readonly retryable: boolean;
}

export type ErrorCode = keyof typeof errorCatalogue;

/** An error as plain data: the only form in which errors cross a thread, a process or a socket. */
export interface ErrorData {
  readonly code: ErrorCode;
  /** What happened and what to do about it, for a human. Never holds prompts or keys. */
  readonly message: string;
  readonly retryable: boolean;
  /** Path of the request field at fault, such as `messages[0].content`. */
  readonly param?: string;
}

/** The one error class of heddle; `code` is a key of {@link errorCatalogue}. */
export class HeddleError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;
  /** Whether the same request can succeed later without being changed. */
  readonly retryable: boolean;

  /** @param options.retryable where this very error is another case than the catalogue says of its code */
  constructor(
    code: ErrorCode,
    message: string,
    options: { param?: string; cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HeddleError';
    this.code = code;
    this.param = options.param;
    this.retryable = options.retryable ?? errorCatalogue[code].retryable;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  static from({ code, message, retryable, param }: ErrorData): HeddleError {
    return new HeddleError(code, message, param === undefined ? { retryable } : { retryable, param });
  }
}

/** Any thrown value as {@link ErrorData}; what is not a {@link HeddleError} becomes `internal_error`. */
export function toErrorData(thrown: unknown): ErrorData {
  const error = toHeddleError(thrown);
  const { code, message, retryable, param } = error;
  return param === undefined ? { code, message, retryable } : { code, message, retryable, param };
}

/** Any thrown value as a {@link HeddleError}; the original is kept as its cause. */
export function toHeddleError(thrown: unknown): HeddleError {
  if (thrown instanceof HeddleError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new HeddleError('internal_error', `Unexpected failure inside heddle: ${message}`, { cause: thrown });
}
