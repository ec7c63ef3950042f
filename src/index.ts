/** heddle as a library: engines on threads of the embedding process, the pool over them, and the HTTP server. */
export { HeddleError, errorCatalogue, type ErrorCode, type ErrorData } from './core/errors.js';
export type { EmbedRequest, EmbeddingInfo, InputEmbedding, Pooling } from './core/embedding.js';
export type { GenerateRequest, Prompt, SamplingParams, StopConditions } from './core/generation.js';
export { silentLogger, type Logger } from './core/logger.js';
export type { LoadOptions, ModelInfo } from './core/model-runner.js';
export type { Score, ScoreRequest } from './core/scoring.js';
export { defaultCacheUse, type CacheHolding, type CacheUse } from './core/prompt-cache.js';
export { defaultSampling, defaultStop } from './core/sampling-defaults.js';
export { version } from './core/version.js';
export { createProcessEngine, createThreadEngine } from './engine/create-engine.js';
export type { Engine, EngineReport, Generation, GenerationUpdate } from './engine/engine.js';
export { createServer } from './http/server.js';
export { Metrics } from './metrics/metrics.js';
export { CompositeObserver } from './pool/composite-observer.js';
export { EnginePool, type Lease, type PoolObserver } from './pool/engine-pool.js';
export { defaultModelSettings, type ModelSettings, type PoolSettings } from './pool/pool-settings.js';
export { ModelCatalogue, type ModelFile } from './pool/model-catalogue.js';
export { renderChat, type ChatMessage } from './prompt/chat-template.js';
