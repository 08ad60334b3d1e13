/** Runs to report on, as result files on the disk. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateRecord, lineOf, type RunHeader } from '../../src/records/record.ts';
import { type AuditedRun, auditedRun } from '../../src/report/audited-run.ts';
import { buildReport, type Report, type RunSources } from '../../src/report/report.ts';
import { exampleHeader, exampleRecord } from '../records/run.ts';

export const NOTHING_AT_HAND: RunSources = {
  segments: 'the model was not at hand',
  curves: 'the model was not at hand',
  pictures: 'the data were not at hand',
  classNames: null,
};

export const records = (count: number, header: RunHeader = exampleHeader()): CertificateRecord[] =>
  Array.from({ length: count }, (_, k) => exampleRecord(k, header));

/** The record turned into an abstention. */
export function abstaining(record: CertificateRecord): CertificateRecord {
  const none = { prediction: null, abstained: true, radius: 0, correct: false, latentRadius: 0 } as const;
  const silent = {
    ...none,
    ...{ displacement: null, localLipschitz: null, forwardErrorNearby: null, pA: 0.4 },
  };
  return { ...record, ...silent, baseline: record.baseline && { ...record.baseline, ...silent } };
}

export const textOf = (header: RunHeader, images: readonly CertificateRecord[]): string =>
  lineOf(header) + images.map(lineOf).join('');

export function runOf(
  images: readonly CertificateRecord[],
  header: RunHeader = exampleHeader(),
  name = 'run',
): AuditedRun {
  const bytes = Buffer.from(textOf(header, images));
  return auditedRun({ name, file: `${name}.jsonl`, bytes }, header, images, true);
}

export const reportOf = (...runs: readonly AuditedRun[]): Report =>
  buildReport(
    runs,
    runs.map(() => NOTHING_AT_HAND),
    'splitz-onnx 0.1.0',
  );

export function writeRun(
  folder: string,
  name: string,
  images: readonly CertificateRecord[],
  header: RunHeader = exampleHeader(),
): string {
  const path = join(folder, name);
  writeFileSync(path, textOf(header, images));
  return path;
}
