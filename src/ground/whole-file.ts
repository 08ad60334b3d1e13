/** Files that are written whole or not at all: alongside, flushed, then renamed over what was there. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A link stays one, and its target keeps its permissions. A device or a pipe cannot be renamed over, and is written to.
 * @throws the system's error; the target is then as it was
 */
export function writeWholeFile(path: string, content: string | Uint8Array): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    // A folder refuses.
    writeFileSync(path, content);
    return;
  }
  const target = there === undefined ? path : realpathSync(path);
  // A short name of its own: the target's with something added may be too long.
  const aside = join(dirname(target), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = openSync(aside, 'wx');
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (there !== undefined) chmodSync(aside, there.mode);
    renameSync(aside, target);
  } catch (cause) {
    // Where the name itself is refused there is nothing to clear up.
    if (existsSync(aside)) rmSync(aside);
    throw cause;
  }
}
