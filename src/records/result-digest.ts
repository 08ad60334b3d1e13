/**
 * The result digest: SHA-256 of what a run found, without when and where. Two runs of the same command have the same
 * digest, whatever the workers, the batch or the machine's name; so have a run and its continuation.
 *
 * Excluded are times (`started`, `seconds`), machines (`environments` and the index into them, `checks`), the version of this
 * program, `findings` (they grow with it), and how the images were dealt out (`selection.max`, `shard`): the records show which
 * images there are. It is taken over the lines' JSON in schema order, with a newline after each.
 */
import { createHash } from 'node:crypto';
import type { CertificateRecord, RunHeader } from './record.ts';
import type { ResultLines } from './result-lines.ts';

export interface ResultDigest {
  /** Takes the next record, in the order of the file. */
  add(record: CertificateRecord): void;
  /** Of everything taken so far, hex. */
  value(): string;
}

export function resultDigest(
  header: RunHeader,
  { lineOf, recordInOrder }: Pick<ResultLines, 'lineOf' | 'recordInOrder'>,
): ResultDigest {
  const hash = createHash('sha256');
  const take = (line: object): void => {
    hash.update(`${JSON.stringify(line)}\n`);
  };
  const { model, data, intake, seed, dependence, precision, shareNoise, selection, series } = JSON.parse(
    lineOf(header),
  ) as RunHeader;
  const { start, skip, heldOut, unreadable } = selection;
  const images = { start, skip, heldOut, ...(unreadable === undefined ? {} : { unreadable }) };
  take({
    ...{ model, data, intake, selection: images, seed, dependence },
    ...(precision === undefined ? {} : { precision }),
    ...(shareNoise === undefined ? {} : { shareNoise }),
    series: series.map(({ checks: _, ...rest }) => rest),
  });
  return {
    add(record) {
      const { environment: _, chain: _c, series: verdicts, ...rest } = recordInOrder(record, header);
      take({ ...rest, series: verdicts.map(({ seconds: _s, ...verdict }) => verdict) });
    },
    value: () => hash.copy().digest('hex'),
  };
}
