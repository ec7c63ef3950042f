import { HeddleError, type ErrorCode } from '../core/errors.js';

/** Options of commands that talk to a running server. */
export interface RemoteOptions {
  readonly url: string;
}

interface EngineEntry {
  readonly id: string;
  readonly state: string;
  readonly requests?: number;
  readonly process_id?: number | null;
  readonly cells?: { readonly used: number; readonly total: number };
  readonly memory?: { readonly residentBytes: number };
  readonly error?: { readonly message: string };
}

/** `heddle ps` */
export async function showEngines({ url }: RemoteOptions): Promise<void> {
  const { engines } = (await ask(`${url}/admin/engines`)) as { engines: EngineEntry[] };
  const rows = engines.map(({ id, state, requests, process_id, cells, error }) => [
    id,
    state,
    requests === undefined ? '' : String(requests),
    cells === undefined ? '' : `${cells.used} of ${cells.total}`,
    process_id === undefined || process_id === null ? '' : String(process_id),
    error?.message ?? '',
  ]);
  if (rows.length === 0) process.stdout.write('No model is loaded.\n');
  else process.stdout.write(table([['MODEL', 'STATE', 'REQUESTS', 'CELLS', 'PROCESS', ''], ...rows]));
}

/** `heddle load MODEL` */
export async function loadModel(model: string, { url }: RemoteOptions): Promise<void> {
  await ask(`${url}/v1/models/${encodeURIComponent(model)}/load`, 'POST');
  process.stdout.write(`${model} is loaded.\n`);
}

/** `heddle unload MODEL` */
export async function unloadModel(
  model: string,
  { url, grace }: RemoteOptions & { grace: number },
): Promise<void> {
  await ask(`${url}/v1/models/${encodeURIComponent(model)}/unload`, 'POST', { grace });
  process.stdout.write(`${model} is unloaded.\n`);
}

async function ask(url: string, method = 'GET', body?: object): Promise<unknown> {
  const request = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { 'content-type': 'application/json' };
  let response: Response;
  try {
    response = await fetch(url, { method, ...(body === undefined ? {} : { headers, ...request }) });
  } catch (error) {
    throw new HeddleError(
      'server_unreachable',
      `No server answers at ${new URL(url).origin}. Is heddle serve running?`,
      {
        cause: error,
      },
    );
  }
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const { error } = answer as { error: { code: ErrorCode; message: string } };
  throw new HeddleError(error.code, error.message);
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}
