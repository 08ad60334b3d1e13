// What dist/ is built from, as one digest: tools/build.mjs leaves it in dist/, and the tests that run dist/ compare.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const RULES = ['tsconfig.json', 'tsconfig.build.json', 'tools/build.mjs'];

/** Where a build leaves the digest of its sources. */
export const DIGEST_FILE = join(root, 'dist/sources.sha256');

/** SHA-256, in hexadecimal, of the names and bytes of everything under src/ and of the files that say how it is built. */
export function sourceDigest() {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  const hash = createHash('sha256');
  for (const file of [...sources, ...RULES].sort()) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}
