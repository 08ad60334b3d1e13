/** The record of one image in a result file. */

import { UsageError } from '../ground/errors.ts';
import type { Run } from '../records/read-results.ts';
import type { CertificateRecord } from '../records/record.ts';

/** Throws UsageError when the run has no such image. */
export function findRecord({ records }: Run, image: number, path: string): CertificateRecord {
  const record = records.find(({ index }) => index === image);
  if (record !== undefined) return record;
  const [first, last] = [records[0]?.index, records.at(-1)?.index];
  throw new UsageError({
    what: `there is no record of image ${image}`,
    where: path,
    why:
      first === undefined
        ? 'the file has no records'
        : `it has ${records.length} records, of images ${first} to ${last}`,
    remedy: 'Give --image the index of an image in the data set (field "index" of a record).',
  });
}
