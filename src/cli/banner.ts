import { version } from '../core/version.js';

/** What `heddle serve` says when it listens: where, which models there are, and a line to try. */
export function banner(
  server: {
    host: string;
    port: number;
    models: readonly string[];
    directories: readonly string[];
    asksForKey?: boolean;
  },
  platform: string = process.platform,
): string {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `http://${host}:${server.port}`;
  const [first] = server.models;
  const lines = [`heddle ${version} is listening on ${url}`, ''];
  lines.push(
    first === undefined
      ? `There are no GGUF files in ${server.directories.join(', ')} yet.`
      : `models: ${server.models.join(', ')} (each is loaded when it is first asked for)`,
    `reference: ${url}/docs`,
  );
  if (first !== undefined)
    lines.push('', 'Try it:', `  ${curlLine(url, first, server.asksForKey === true, platform)}`);
  lines.push('', 'Ctrl-C stops it.', '');
  return lines.join('\n');
}

function curlLine(url: string, model: string, asksForKey: boolean, platform: string): string {
  const body = JSON.stringify({
    model,
    messages: [{ role: 'user', content: 'What is the capital of Japan?' }],
    stream: true,
  });
  // The command interpreter of Windows knows double quotes only.
  const quote = (text: string): string =>
    platform === 'win32' ? `"${text.replaceAll('"', '\\"')}"` : `'${text}'`;
  const key = asksForKey ? ' -H "authorization: Bearer API_KEY"' : '';
  return `curl -N ${url}/v1/chat/completions${key} -H ${quote('content-type: application/json')} -d ${quote(body)}`;
}
