import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { FinishReason } from '../core/generation.js';
import { silentLogger } from '../core/logger.js';
import { defaultCacheUse } from '../core/prompt-cache.js';
import { defaultSampling, defaultStop } from '../core/sampling-defaults.js';
import { renderChat, type ChatMessage } from '../prompt/chat-template.js';
import { chooseFormat } from '../prompt/output/choose-format.js';
import { createParser } from '../prompt/output/output-format.js';
import { chooseTemplate } from '../prompt/template-choice.js';
import { AnswerPrinter } from './answer-printer.js';
import { ConsoleObserver } from './console-observer.js';
import { createPool } from './create-pool.js';
import { configFile, toOverrides, type ModelOptions } from './options.js';
import { ServerSettings } from './server-settings.js';

/** `heddle run MODEL "prompt"` */
export async function runPrompt(
  model: string,
  prompt: string,
  options: ModelOptions & { system?: string; maxTokens?: number; temperature: number; seed?: number },
): Promise<void> {
  const isFile = model.endsWith('.gguf') && existsSync(model);
  const { current } = await ServerSettings.read(configFile(options), {
    ...toOverrides(options),
    ...(isFile ? { modelDirectories: [dirname(model)] } : {}),
    isolation: 'thread',
  });
  const pool = createPool(() => current, new ConsoleObserver(process.stderr), silentLogger);
  try {
    const { engine } = await pool.lease(isFile ? modelId(model) : model);
    const messages: ChatMessage[] = [{ role: 'user', content: prompt }];
    if (options.system !== undefined) messages.unshift({ role: 'system', content: options.system });
    const written = renderChat(engine.info, messages);
    const format = chooseFormat(chooseTemplate(engine.info, { hasTools: false }));
    const printer = new AnswerPrinter(createParser(format, { prompt: written.text, tools: [] }), {
      answer: process.stdout,
      aside: process.stderr,
    });
    const generation = engine.generate({
      id: 'run',
      prompt: written,
      controlTokens: format.controlTokens({ tools: false }),
      choices: 1,
      sampling: {
        ...defaultSampling,
        temperature: options.temperature,
        ...(options.seed === undefined ? {} : { seed: options.seed >>> 0 }),
      },
      stop: {
        ...defaultStop,
        ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      },
      cache: defaultCacheUse,
    });
    process.once('SIGINT', () => generation.cancel());
    process.stdout.once('error', () => generation.cancel()); // nobody reads any more
    let reason: FinishReason = 'length'; // unless it is told another: it was interrupted
    for await (const update of generation) {
      if (update.kind !== 'choice') continue;
      printer.push(update.text);
      reason = update.finish?.reason ?? reason;
    }
    printer.end(reason);
  } finally {
    await pool.close();
  }
}

/** The id under which the catalogue of its folder lists a file. */
function modelId(path: string): string {
  return basename(path, '.gguf').replace(/-\d{5}-of-\d{5}$/, '');
}
