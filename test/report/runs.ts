/** Runs to report on, as result files on the disk. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, number, object } from '../../src/ground/json-schema.ts';
import { defineMethod, type Method } from '../../src/methods/method.ts';
import type { CertificateRecord, RunHeader } from '../../src/records/record.ts';
import { type ResultRun, resultRun } from '../../src/report/audited-run.ts';
import { buildReport, type Report, type RunSources } from '../../src/report/report.ts';
import {
  chainedLines,
  endOf,
  exampleHeader,
  exampleRecord,
  LINES,
  linesOf,
  setting,
} from '../records/run.ts';

export const NOTHING_AT_HAND: RunSources = {
  segments: 'the model was not found',
  curves: 'the model was not found',
  pictures: 'the data were not found',
};

export const records = (count: number, header: RunHeader = exampleHeader()): CertificateRecord[] =>
  Array.from({ length: count }, (_, k) => exampleRecord(k, header));

/** A finished run's lines. */
export const textOf = (header: RunHeader, images: readonly CertificateRecord[]): string =>
  chainedLines([...linesOf(images, header), LINES.lineOf(endOf(images, header))]).join('');

export function runOf(
  images: readonly CertificateRecord[],
  header: RunHeader = exampleHeader(),
  name = 'run',
): ResultRun {
  const bytes = Buffer.from(textOf(header, images));
  return resultRun({ name, file: `${name}.jsonl`, bytes }, header, images, endOf(images, header));
}

export const reportOf = (...runs: Parameters<typeof buildReport>[0]): Report =>
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

/** A method that says no more than it must: no votes, no left half, no figures. */
export const bareMethod: Method = defineMethod({
  name: 'bare',
  title: 'a bare method',
  settings: object('Nothing.', {}),
  evidence: object('Nothing.', {}),
  open: async () => {
    throw new Error('runs of it are only read here');
  },
  fault: () => null,
  derive: () => ({
    steps: [{ title: 'Believe it', formula: 'r', numbers: 'r', meaning: 'There is nothing to derive.' }],
    ...{ classifier: 'the network', chance: 'over nothing', symbols: [['r', 'the radius']] },
  }),
});

/** A run of the bare method alone; it must be registered. */
export function bareRun(count: number): ResultRun {
  const header = exampleHeader({
    series: [{ method: 'bare', guarantee: 'certificate', settings: {}, facts: {}, checks: {} }],
  });
  const images = Array.from({ length: count }, (_, k) => {
    const record = exampleRecord(k);
    const [own] = record.series;
    if (own === undefined) throw new Error('a run has a series');
    return { ...record, series: [{ ...own, failureProbability: 0, evidence: {} }] };
  });
  return runOf(images, header, 'bare');
}

/** A program's own method, in l1 and by votes of its own kind. */
export const taxicab: Method = defineMethod<
  { readonly shots: number },
  { readonly odds: number; readonly seen: number }
>({
  name: 'taxicab',
  title: 'a taxicab method',
  norm: 'l1',
  settings: object('Shots.', { shots: count('How many.') }),
  evidence: object('Odds.', { odds: number('A lower bound.'), seen: count('Shots seen.') }),
  open: async () => {
    throw new Error('runs of it are only read here');
  },
  fault: () => null,
  derive: () => ({ steps: [], classifier: 'the network', chance: 'over the shots', symbols: [] }),
  label: ({ shots }) => `taxicab of ${shots}`,
  votes: ({ seen }) => ({ counts: [40, seen - 40], nonFinite: 0 }),
  probability: ({ odds }) => odds,
  poll: ({ shots }) => ({ draws: shots, alpha: 0.01 }),
});

/** A run of it; it must be registered. */
export function taxicabRun(images: number): ResultRun {
  const header = exampleHeader({
    series: [
      {
        ...{ method: 'taxicab', guarantee: 'certificate', norm: 'l1' },
        ...{ settings: { shots: setting(50) }, facts: {}, checks: {} },
      },
    ],
  });
  const certificates = Array.from({ length: images }, (_, k): CertificateRecord => {
    const record = exampleRecord(k);
    const [own] = record.series;
    if (own === undefined) throw new Error('a run has a series');
    return {
      ...record,
      series: [{ ...own, failureProbability: 0.01, evidence: { odds: k / 100, seen: k < 5 ? 40 : 50 } }],
    };
  });
  return runOf(certificates, header, 'taxi');
}
