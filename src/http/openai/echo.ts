import type { GenerateRequest, Prompt, Token } from '../../core/generation.js';
import type { LikelihoodWish, SpelledToken, TokenLikelihood } from '../../core/likelihood.js';
import type { Engine } from '../../engine/engine.js';
import { checkPromptLength } from '../prompt-length.js';
import { tokenText } from './token-text.js';

/** A prompt without a gap. */
export type PlainPrompt = Exclude<Prompt, { kind: 'fill-in-middle' }>;

/** A prompt as it is said again before its completion. */
export interface Echo {
  readonly text: string;
  readonly tokens: readonly (SpelledToken | TokenLikelihood)[];
}

/**
 * A prompt, spelled, and if wanted scored: then it is computed once more than a completion needs, since a score takes
 * nothing from what is kept of prompts, and leaves nothing there.
 * @param said the prompt as its client wrote it; absent where that was tokens
 * @param wish absent where no likelihoods are wanted; a prompt's first token never has one
 * @param signal stops the work
 * @throws HeddleError `context_length_exceeded`, or as `Engine.score` and `Engine.spell` do
 */
export async function readEcho(
  engine: Engine,
  request: Pick<GenerateRequest, 'id' | 'priority' | 'fairnessKey'> & { readonly prompt: PlainPrompt },
  { said, wish }: { said: string | undefined; wish: LikelihoodWish | undefined },
  signal: AbortSignal,
): Promise<Echo> {
  const { prompt, ...rest } = request;
  const tokens = await tokensOf(engine, prompt);
  const spelled = await engine.spell(tokens);
  const text = said ?? textOf(spelled);
  if (wish === undefined || tokens.length < 2) return { text, tokens: spelled };
  const { likelihoods = [] } = await engine.score(
    {
      ...rest,
      id: `${rest.id}-echo`,
      prompt: { kind: 'tokens', tokens: tokens.slice(0, 1) },
      continuation: { kind: 'tokens', tokens: tokens.slice(1) },
      likelihoods: wish,
    },
    { signal },
  );
  return { text, tokens: [...spelled.slice(0, 1), ...likelihoods] };
}

async function tokensOf(engine: Engine, prompt: PlainPrompt): Promise<readonly Token[]> {
  if (prompt.kind === 'tokens') return prompt.tokens;
  checkPromptLength(prompt.text, engine.info, 'prompt');
  return engine.tokenize(prompt.text, prompt);
}

/** Control tokens by the names that a prompt of text is read with. */
function textOf(spelled: readonly SpelledToken[]): string {
  return Buffer.concat(
    spelled.map((token) => (token.name === undefined ? token.bytes : Buffer.from(tokenText(token)))),
  ).toString();
}
