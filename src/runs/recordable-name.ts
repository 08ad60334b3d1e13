/** Names of files as result files state them. */
import { basename } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { fileName, violation } from '../ground/json-schema.ts';

/** A file's name for the header. Throws UsageError for one that would lead elsewhere on another system. */
export function recordableName(path: string): string {
  const name = basename(path);
  const fault = violation(fileName('').json, name, 'its name');
  if (fault === null) return name;
  throw new UsageError({
    what: `the file '${name}' has a name that a result file does not take`,
    where: path,
    why: 'with a backslash or a drive letter it would be a path on Windows',
    remedy: 'Rename the file.',
  });
}
