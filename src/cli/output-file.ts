/** Files that commands write: their folder is asked for before the work begins, and they are written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ToolError, UsageError } from '../ground/errors.ts';

/** Throws UsageError where the folder of a file does not exist or cannot be written to. */
export function requireFolderOf(path: string): void {
  const folder = dirname(resolve(path));
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new UsageError({
      what: existsSync(folder)
        ? 'the folder for the output file cannot be written to'
        : 'the folder for the output file does not exist',
      where: folder,
      remedy: 'Create it, or choose another file.',
      cause,
    });
  }
}

/** Throws UsageError where a file is there already, unless it is to be replaced. */
export function refuseExisting(path: string, force: boolean): void {
  if (force || !existsSync(path)) return;
  throw new UsageError({
    what: 'the output file already exists',
    where: path,
    remedy: 'Choose another file, or replace it with --force.',
  });
}

/** Writes a file alongside and renames it, so that what was there stays until all of the new one is. @throws ToolError when the disk refuses */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(aside, content, { flag: 'wx' });
    renameSync(aside, path);
  } catch (cause) {
    rmSync(aside, { force: true });
    throw new ToolError({
      what: 'the output file cannot be written',
      where: path,
      why: (cause as Error).message,
      remedy: 'Choose another place for it, or make room on the disk.',
      cause,
    });
  }
}
