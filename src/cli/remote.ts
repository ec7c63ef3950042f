import { formatBytes } from './format-bytes.js';
import { askServer } from './server-client.js';
import { keyFor } from './server-key.js';
import { table } from './table.js';

/** Options of commands that talk to a running server. */
export interface RemoteOptions {
  readonly url: string;
  readonly apiKey?: string;
}

interface EngineEntry {
  readonly id: string;
  readonly state: string;
  readonly requests?: number;
  readonly process_id?: number | null;
  readonly cells?: { readonly used: number; readonly total: number };
  readonly memory: { readonly predicted: number; readonly measured: number | null };
  readonly uptime_seconds?: number;
  readonly problem?: string;
}

/** `heddle ps` */
export async function showEngines({ url, apiKey }: RemoteOptions): Promise<void> {
  const question = { apiKey: keyFor(apiKey) };
  const { engines } = (await askServer(`${url}/admin/engines`, question)) as { engines: EngineEntry[] };
  const rows = engines.map(({ id, state, requests, process_id, cells, memory, uptime_seconds, problem }) => [
    id,
    state,
    requests === undefined ? '' : String(requests),
    cells === undefined ? '' : `${cells.used} of ${cells.total}`,
    memory.predicted === 0 ? '' : formatBytes(memory.measured ?? memory.predicted),
    process_id === undefined || process_id === null ? '' : String(process_id),
    uptime_seconds === undefined ? '' : formatDuration(uptime_seconds),
    problem ?? '',
  ]);
  if (rows.length === 0) process.stdout.write('No model is loaded.\n');
  else
    process.stdout.write(
      table([['MODEL', 'STATE', 'REQUESTS', 'CELLS', 'MEMORY', 'PROCESS', 'UP', ''], ...rows]),
    );
}

/** `heddle load MODEL` */
export async function loadModel(model: string, { url, apiKey }: RemoteOptions): Promise<void> {
  const question = { method: 'POST', apiKey: keyFor(apiKey) };
  await askServer(`${url}/v1/models/${encodeURIComponent(model)}/load`, question);
  process.stdout.write(`${model} is loaded.\n`);
}

/** `heddle unload MODEL` */
export async function unloadModel(
  model: string,
  { url, apiKey, grace }: RemoteOptions & { grace: number },
): Promise<void> {
  const question = { method: 'POST', body: { grace }, apiKey: keyFor(apiKey) };
  await askServer(`${url}/v1/models/${encodeURIComponent(model)}/unload`, question);
  process.stdout.write(`${model} is unloaded.\n`);
}

/** Such as `45 s`, `12 min` or `3 h`. */
function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
