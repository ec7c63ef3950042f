/** What a request may ask for: nothing but whether the server is alive, the models, or how the server works too. */
export type AccessLevel = 'none' | 'api' | 'admin';

/** What one key, or all who send none together, may ask for. */
export interface KeyLimits {
  /** Infinite for as many as there are. */
  readonly requestsPerMinute: number;
  /** Requests that are being answered at once; infinite for as many as there are. */
  readonly concurrentRequests: number;
}

/** A key that the server accepts. */
export interface AccessKey {
  /** For logs; several keys can have one. */
  readonly name: string;
  /** SHA-256 of the key, 32 bytes: the key itself is kept nowhere. */
  readonly digest: Uint8Array;
  readonly admin: boolean;
  readonly limits: KeyLimits;
}

/** What one request may hold. All are checked before the body is read as anything but JSON. */
export interface RequestLimits {
  readonly bodyBytes: number;
  /** Objects and lists inside of each other. */
  readonly depth: number;
  readonly messages: number;
  readonly tools: number;
  readonly stops: number;
  /** Characters of a stop string, as UTF-16 units. */
  readonly stopLength: number;
}

/** Who may ask a server for what. Plain data: it can be replaced while the server runs. */
export interface AccessPolicy {
  /** Without any, nobody is asked for one. */
  readonly keys: readonly AccessKey[];
  /** `/metrics` is shown without a key. */
  readonly publicMetrics: boolean;
  /** Names that clients may call the server by, beside its loopback ones; `*` is any. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may ask, such as `https://app.example.com`; `*` is any. */
  readonly corsOrigins: readonly string[];
  readonly limits: RequestLimits;
  /** Of all requests together that come without a key, where none is needed. */
  readonly keyLimits: KeyLimits;
}

/** As many as there are. */
export const noKeyLimits: KeyLimits = { requestsPerMinute: Infinity, concurrentRequests: Infinity };

/** Room for the prompt of a long context and the tools of a large agent, and for nothing that only hurts. */
export const defaultRequestLimits: RequestLimits = {
  bodyBytes: 16 * 2 ** 20,
  depth: 64,
  messages: 10_000,
  tools: 512,
  stops: 16,
  stopLength: 1024,
};

/** What holds where nothing is said: no keys, no web pages of others. */
export const defaultAccess: AccessPolicy = {
  keys: [],
  publicMetrics: false,
  allowedHosts: [],
  corsOrigins: [],
  limits: defaultRequestLimits,
  keyLimits: noKeyLimits,
};
