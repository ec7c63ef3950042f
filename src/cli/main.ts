#!/usr/bin/env node
import { Command, Option } from 'commander';
import { toHeddleError } from '../core/errors.js';
import { defaultSpeculation, speculations } from '../core/speculation.js';
import { defaultInterTokenTarget } from '../core/inter-token-target.js';
import { version } from '../core/version.js';
import { defaultServerSettings } from '../config/settings.js';
import { bench } from './bench.js';
import { addBenchOptions } from './bench-options.js';
import { clearCache, showCache, verifyCache } from './cache.js';
import { checkConfig } from './check-config.js';
import { ignoreClosedOutput } from './closed-output.js';
import { listModels } from './list.js';
import { addCacheOptions, addModelOptions, count, decimal, targetTime } from './options.js';
import { loadModel, showEngines, unloadModel } from './remote.js';
import { runPrompt } from './run.js';
import { serve } from './serve.js';

ignoreClosedOutput();

const program = new Command('heddle')
  .description('A multi-model LLM inference server: every model on a thread of its own, behind one endpoint.')
  .version(version)
  .showHelpAfterError();

const { host, port, isolation, grace, logLevel } = defaultServerSettings;

// Without defaults of their own: what is not given is the configuration file's to say.
addCacheOptions(addModelOptions(program.command('serve')))
  .description('start the HTTP server')
  .option('--host <host>', `address to listen on (default: ${host})`)
  .option('--port <port>', `port to listen on; 0 takes a free one (default: ${port})`, count(0, 65535))
  .addOption(
    new Option(
      '--isolation <kind>',
      `where models live: a process each, or threads of this one (default: ${isolation})`,
    ).choices(['process', 'thread']),
  )
  .option(
    '--inter-token-target <time>',
    `time from one token of a stream to its next that steps are cut for, or none (default: ${defaultInterTokenTarget}ms)`,
    targetTime,
  )
  .addOption(
    new Option(
      '--speculation <kind>',
      `how several tokens of a stream are guessed, to be verified in one step (default: ${defaultSpeculation})`,
    ).choices(speculations),
  )
  .option(
    '--grace <seconds>',
    `how long running requests may go on after a stop signal (default: ${grace / 1000})`,
    decimal(0, 3600),
  )
  .addOption(
    new Option('--api-key-file <file>', 'file of API keys, one on each line; HEDDLE_API_KEY is one more').env(
      'HEDDLE_API_KEY_FILE',
    ),
  )
  .option('--insecure-no-key', 'listen on addresses that others can reach without asking for an API key')
  .addOption(
    new Option('--log-level <level>', `what is logged to standard error (default: ${logLevel})`).choices([
      'debug',
      'info',
      'warn',
      'error',
      'silent',
    ]),
  )
  .action(serve);

addCacheOptions(addModelOptions(program.command('run')))
  .description('answer one prompt in the terminal')
  .argument('<model>', 'id of a model, or path of a GGUF file')
  .argument('<prompt>', 'what to say to it')
  .option('--system <text>', 'system prompt')
  .option('--max-tokens <count>', 'tokens to generate at most', count(1))
  .option('--temperature <number>', '0 always takes the most likely token', decimal(0, 2), 0.8)
  .option('--seed <number>', 'the same seed gives the same text', count(0))
  .action(runPrompt);

addModelOptions(program.command('list')).description('show the models on this machine').action(listModels);

program
  .command('config')
  .description('work with configuration files')
  .command('check')
  .description('show the settings that a configuration file makes, or all errors in it')
  .argument('<file>', 'the configuration file')
  .action(checkConfig);

const remote = (command: Command): Command =>
  command
    .option('--url <url>', 'address of the running server', 'http://127.0.0.1:8000')
    .option(
      '--api-key <key>',
      'key that the server asks for; HEDDLE_ADMIN_KEY, else HEDDLE_API_KEY when absent',
    );

remote(program.command('ps')).description('show the models of a running server').action(showEngines);
remote(program.command('load'))
  .description('load a model in a running server')
  .argument('<model>', 'id of the model')
  .action(loadModel);
remote(program.command('unload'))
  .description('unload a model of a running server')
  .argument('<model>', 'id of the model')
  .option('--grace <seconds>', 'how long its running requests may go on', decimal(0, 3600), 5)
  .action(unloadModel);

const cache = program.command('cache').description('what a running server keeps of prompts');
const ofModel = (command: Command): Command =>
  remote(command).option('--model <model>', 'id of a model; all that are loaded when absent');
ofModel(cache.command('stats')).description('show it, in the KV cache, RAM and on disk').action(showCache);
ofModel(cache.command('clear')).description('remove all of it').action(clearCache);
ofModel(cache.command('verify'))
  .description('read every file on disk, and set bad ones aside')
  .action(verifyCache);

addBenchOptions(program.command('bench'))
  .description('measure a server that speaks the OpenAI API, or compare two of them')
  .action(bench);

try {
  await program.parseAsync();
} catch (error) {
  const { code, message } = toHeddleError(error);
  process.stderr.write(`heddle: ${message} (${code})\n`);
  process.exitCode = 1;
}
