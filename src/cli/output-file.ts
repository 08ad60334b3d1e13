/** Files that commands write: what stands in the way is said before the work begins. */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError, UsageError } from '../ground/errors.ts';
import { writeWholeFile } from '../ground/whole-file.ts';

/** Throws UsageError for a path that is not one of a file, or whose folder does not exist or cannot be written to. */
export function requireFolderOf(path: string): void {
  const kind = kindOf(path);
  if (/[/\\]$/u.test(path) || kind === 'folder')
    throw new UsageError({
      what: 'the output file is a folder',
      where: path,
      remedy: 'Name a file in it.',
    });
  if (kind === 'link to nothing')
    throw new UsageError({
      what: 'the output file is a link to nothing',
      where: path,
      remedy: 'Remove the link, or choose another file.',
    });
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

/** What stands at a path, as far as it matters to who writes there. @throws UsageError for a path that no file can have */
function kindOf(path: string): 'folder' | 'link to nothing' | 'file or nothing' {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return 'folder';
    const link = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return link && !existsSync(path) ? 'link to nothing' : 'file or nothing';
  } catch (cause) {
    throw new UsageError({
      what: 'the output file cannot be written',
      where: path,
      why: (cause as Error).message,
      remedy: 'Choose another file.',
      cause,
    });
  }
}

/**
 * What every command asks before it works: there is a folder to write to, the file is none of those that are read or written
 * besides, and it is not there already unless it is to be replaced.
 * @throws UsageError where one of these is not so
 */
export function refuseToOverwrite(out: string, others: readonly string[], force: boolean): void {
  requireFolderOf(out);
  requireApart(out, others);
  refuseExisting(out, force);
}

/** Makes a folder and those it lies in. @throws UsageError where that cannot be */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new UsageError({
      what: 'the folder cannot be made',
      where: path,
      why: (cause as Error).message,
      remedy: 'Choose another one.',
      cause,
    });
  }
}

/** Throws UsageError where a file is there already, unless it is to be replaced. */
function refuseExisting(path: string, force: boolean): void {
  if (force || !existsSync(path)) return;
  throw new UsageError({
    what: 'the output file already exists',
    where: path,
    remedy: 'Choose another file, or replace it with --force.',
  });
}

/** Throws UsageError for an output that is one of the files that are read, or of those written before it, whatever they are called. */
export function requireApart(output: string, others: readonly string[]): void {
  const real = (path: string): string => {
    const absolute = resolve(path);
    if (existsSync(absolute)) return realpathSync(absolute);
    const folder = dirname(absolute);
    return existsSync(folder) ? join(realpathSync(folder), basename(absolute)) : absolute;
  };
  const same = others.find((path) => real(path) === real(output));
  if (same === undefined) return;
  throw new UsageError({
    what: `the output file would overwrite ${same}`,
    where: output,
    remedy: 'Choose another file.',
  });
}

/** Writes a file whole or not at all. @throws ToolError when the disk refuses; what was there is then as it was */
export function writeWhole(path: string, content: string | Uint8Array): void {
  try {
    writeWholeFile(path, content);
  } catch (cause) {
    throw new ToolError({
      what: 'the output file cannot be written',
      where: path,
      why: (cause as Error).message,
      remedy: 'Choose another place for it, or make room on the disk.',
      cause,
    });
  }
}
