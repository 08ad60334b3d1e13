/** Reading the files a data set is made of: present or not, packed or not, and errors that say which file and why. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { gunzipBeginning, gunzipUpTo, isGzip } from '../ground/unpack.ts';

/** Bytes that a file without a header of its own may unpack to: many times what the published ones have. */
const LONGEST_UNPACKED = 1 << 28;

/** A data file as it is on the disk, not unpacked yet. */
export interface PackedFile {
  /** The first bytes of its content. */
  readonly beginning: Uint8Array;
  /** Its content; null where that is longer than `longest` bytes, which are all that is unpacked then. */
  content(longest: number): Uint8Array | null;
}

/**
 * Opens a file that may be packed with gzip.
 * @throws UsageError when it cannot be read or, now or later, its gzip stream is damaged or cut short
 */
export function openPacked(path: string): PackedFile {
  const bytes = readBytes(path);
  if (!isGzip(bytes))
    return { beginning: bytes, content: (longest) => (bytes.length > longest ? null : bytes) };
  const unpacking = <T>(unpack: () => T): T => {
    try {
      return unpack();
    } catch (cause) {
      throw new UsageError({
        what: 'a gzip file cannot be unpacked',
        where: path,
        why: messageOf(cause),
        remedy: 'Fetch the file again: it is damaged or incomplete.',
        cause,
      });
    }
  };
  return {
    beginning: unpacking(() => gunzipBeginning(bytes)),
    content: (longest) => unpacking(() => gunzipUpTo(bytes, longest)),
  };
}

/**
 * The whole file, unpacked when it begins as gzip does.
 * @throws UsageError when it cannot be read, its gzip stream is damaged or cut short, or it unpacks to more than a file of its
 * kind has
 */
export function readUnpacked(path: string): Uint8Array {
  const bytes = readBytes(path);
  if (!isGzip(bytes)) return bytes;
  const content = openPacked(path).content(LONGEST_UNPACKED);
  if (content !== null) return content;
  throw new UsageError({
    what: `the gzip file unpacks to more than ${LONGEST_UNPACKED >> 20} MiB`,
    where: path,
    why: `it has ${bytes.length} bytes; the rest was not unpacked`,
    remedy: 'Fetch the file again. If it is really that long, unpack it first.',
  });
}

/** @throws UsageError when the file cannot be read */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError({
      what: 'a data file cannot be read',
      where: path,
      why: messageOf(cause),
      remedy: 'Check that it is there and that you may read it.',
      cause,
    });
  }
}

/** @throws UsageError when `folder` does not exist or is a file */
export function requireFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw new UsageError({
    what:
      found === undefined ? 'the data folder does not exist' : 'the data must be a folder, this is a file',
    where: folder,
    remedy: 'Give the folder that holds the data files.',
  });
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * The first of `names` that is a file in `folder`, as it is or with ".gz" after its name; undefined when none is.
 * @throws UsageError when only an xz-packed copy is there: Node.js has no xz decoder
 */
export function findPacked(folder: string, names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const ending of ['', '.gz']) {
      const path = join(folder, name + ending);
      if (isFile(path)) return path;
    }
  }
  for (const name of names) {
    const path = join(folder, `${name}.xz`);
    if (isFile(path)) {
      throw new UsageError({
        what: 'the data file is packed with xz, which Node.js cannot read',
        where: path,
        remedy: `Unpack it first: xz -d -k '${path}'.`,
      });
    }
  }
  return undefined;
}

/**
 * Names of the entries of a folder in code-point order, hidden ones omitted; links count as what they lead to, and as files
 * where they lead nowhere.
 */
export function listFolder(folder: string): { files: string[]; folders: string[] } {
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const found = entry.isSymbolicLink()
      ? statSync(join(folder, entry.name), { throwIfNoEntry: false })
      : entry;
    if (found === undefined || found.isFile()) files.push(entry.name);
    else if (found.isDirectory()) folders.push(entry.name);
  }
  return { files: files.sort(byCodePoint), folders: folders.sort(byCodePoint) };
}

/** Order of the bytes of the UTF-8 form: the same on every machine, whatever its language. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
