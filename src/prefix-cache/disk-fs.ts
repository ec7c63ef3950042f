import fs from 'node:fs';

/** The file system calls of the disk tier, so that tests can let each of them fail. */
export type DiskFs = Pick<
  typeof fs,
  | 'appendFileSync'
  | 'closeSync'
  | 'fstatSync'
  | 'fsyncSync'
  | 'futimesSync'
  | 'linkSync'
  | 'mkdirSync'
  | 'openSync'
  | 'readFileSync'
  | 'readSync'
  | 'readdirSync'
  | 'renameSync'
  | 'rmSync'
  | 'statSync'
  | 'statfsSync'
  | 'unlinkSync'
  | 'utimesSync'
  | 'writeFileSync'
  | 'writeSync'
>;

export const nodeFs: DiskFs = fs;

/** The code of a failed system call, such as `ENOENT`; `unknown` for any other error. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}
