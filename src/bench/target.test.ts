import { afterEach, describe, expect, it } from 'vitest';
import { OpenAiStandIn, type StandInOptions } from '../testing/openai-stand-in.js';
import { assumedCalibration } from './prompt-writer.js';
import { Target } from './target.js';

const settings = { timeout: 10_000, body: {} };
let server: OpenAiStandIn | undefined;
let target: Target | undefined;

afterEach(async () => {
  target?.client.close();
  await server?.stop();
  [server, target] = [undefined, undefined];
});

async function open(options: StandInOptions, needsSecond = false): Promise<Target> {
  server = await OpenAiStandIn.start(options);
  target = await Target.open({ url: `${server.url}/v1/` }, settings, needsSecond);
  return target;
}

const refusing = (fields: readonly ('ignore_eos' | 'stream_options')[], status = 400): StandInOptions => ({
  instead: (response, { body }) => {
    if (!fields.some((field) => field in body)) return false;
    response.writeHead(status).end(JSON.stringify({ error: { message: `There is no ${fields.join()}.` } }));
    return true;
  },
});

describe('a target', () => {
  it('measures tokens a word and the template exactly where words are alike', async () => {
    const { tokensPerWord, ...others } = await (
      await open({ tokensPerWord: 2, templateTokens: 11 })
    ).calibrate();
    expect(tokensPerWord).toBe(2);
    expect(others).toEqual({ templateTokens: 11, measured: true });
  });

  it('assumes English where the server tells no counts', async () => {
    expect(await (await open({ silent: true })).calibrate()).toEqual(assumedCalibration);
  });

  it('takes the first model, and asks for a second one only when it is needed', async () => {
    expect(await open({ models: ['big', 'small'] })).toMatchObject({ model: 'big', secondModel: undefined });
    await server?.stop();
    expect(await open({ models: ['big', 'small'] }, true)).toMatchObject({ secondModel: 'small' });
    await server?.stop();
    await expect(open({ models: ['big'] }, true)).rejects.toMatchObject({ code: 'invalid_parameter' });
  });

  it.each([
    [{ ignoreEos: false, usage: true }, refusing(['ignore_eos'])],
    [{ ignoreEos: true, usage: false }, refusing(['stream_options'], 422)],
    [{ ignoreEos: false, usage: false }, refusing(['ignore_eos', 'stream_options'])],
  ])('speaks as richly as the server understands: %o', async (dialect, options) => {
    const some = await open(options);
    await some.calibrate();
    expect(some.client.dialect).toEqual(dialect);
    expect((await some.warmUp('hello')).failure).toBeUndefined();
  });

  it('says what a server answers that refuses everything', async () => {
    const none = await open({
      instead: (response) => {
        response.writeHead(400).end('{"error":{"message":"Not today.","code":"holiday"}}');
        return true;
      },
    });
    await expect(none.calibrate()).rejects.toMatchObject({
      code: 'bench_failed',
      message: `${server?.url} does not answer as it should: Not today. (http 400 holiday)`,
    });
  });

  it('says so when there is no server, or it has no models', async () => {
    await expect(Target.open({ url: 'http://127.0.0.1:1' }, settings, false)).rejects.toMatchObject({
      code: 'server_unreachable',
    });
    await expect(Target.open({ url: 'ftp://127.0.0.1' }, settings, false)).rejects.toMatchObject({
      code: 'invalid_parameter',
    });
    await expect(open({ models: [] })).rejects.toMatchObject({ code: 'bench_failed' });
  });
});
