import { formatBytes } from './format-bytes.js';
import { table } from './table.js';

type Counts = Readonly<Record<string, number>>;

/** What `/admin/cache` says of a model, as far as it is shown. */
export interface CacheEntry {
  readonly id: string;
  readonly device: {
    readonly cells: { readonly used: number; readonly resident: number; readonly total: number };
    readonly sequences: number;
  };
  readonly host: {
    readonly blocks: number;
    readonly bytes: number;
    readonly limit: number;
    readonly hits: number;
  } | null;
  readonly disk: {
    readonly thread: string;
    readonly hits: number;
    readonly queued: { readonly blocks: number };
    readonly dropped: number;
    readonly directory: {
      readonly files: number;
      readonly bytes: number;
      readonly limit: number;
      readonly bad_files: number;
      readonly scanned: boolean;
      readonly faults: Counts;
      readonly errors: Counts;
      readonly paused: string | null;
    } | null;
  } | null;
  readonly faults?: number;
}

/** A line for each tier of each model. */
export function cacheTable(entries: readonly CacheEntry[]): string {
  const rows = entries.flatMap(({ id, device, host, disk, faults = 0 }) => [
    [
      id,
      'KV cache',
      `${device.sequences} sequences`,
      `${device.cells.resident} of ${device.cells.total} cells`,
      '',
      faults === 0 ? '' : `${faults} faults of the library`,
    ],
    ...(host === null ? [] : [['', 'RAM', `${host.blocks} blocks`, share(host), String(host.hits), '']]),
    ...(disk === null ? [] : [diskRow(disk)]),
  ]);
  return table([['MODEL', 'TIER', 'HOLDS', 'USES', 'HITS', ''], ...rows]);
}

function diskRow({ thread, hits, queued, dropped, directory }: NonNullable<CacheEntry['disk']>): string[] {
  const notes = [
    thread === 'running' ? '' : `the disk is ${thread}`,
    directory?.scanned === false ? 'still looking through the folder' : '',
    queued.blocks === 0 ? '' : `${queued.blocks} to be written`,
    dropped === 0 ? '' : `${dropped} not written`,
    listed('faults', directory?.faults),
    listed('errors', directory?.errors),
    directory?.paused == null ? '' : `writing paused: ${directory.paused}`,
    directory === null || directory.bad_files === 0 ? '' : `${directory.bad_files} bad files kept`,
  ];
  return [
    '',
    'disk',
    directory === null ? '' : `${directory.files} files`,
    directory === null ? '' : share(directory),
    String(hits),
    notes.filter((note) => note !== '').join('; '),
  ];
}

function share({ bytes, limit }: { readonly bytes: number; readonly limit: number }): string {
  return `${formatBytes(bytes)} of ${formatBytes(limit)}`;
}

/** `3 faults (payload 2, magic 1)` */
function listed(what: string, counts: Counts = {}): string {
  const all = Object.entries(counts);
  if (all.length === 0) return '';
  const sum = all.reduce((total, [, count]) => total + count, 0);
  return `${sum} ${what} (${all.map(([name, count]) => `${name} ${count}`).join(', ')})`;
}
