/** Logs of others: the published replication of Cohen et al. (CIFAR-10, ResNet-110, Salman et al. 2019) gives its figures. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { averageRadius, certifiedShare } from '../../src/certificate/accuracy.ts';
import { cohenTsv } from '../../src/certificate/cohen-tsv.ts';
import { readCohenTsv } from '../../src/certificate/read-cohen-tsv.ts';
import { shareDown } from '../../src/certificate/rounding.ts';
import { UsageError } from '../../src/errors.ts';
import { loggedRun } from '../../src/report/audited-run.ts';
import { latexReport } from '../../src/report/latex-report.ts';
import { exampleHeader } from '../certificate/run.ts';
import { records, reportOf } from './runs.ts';

const logs = fileURLToPath(
  new URL('../../../shared/groundtruth/salman2019_cohen_replication/resnet110', import.meta.url),
);

const runFrom = (bytes: Uint8Array, name: string) =>
  loggedRun({ name, file: `${name}.tsv`, bytes }, readCohenTsv(bytes, name));

/**
 * Per σ: certified accuracy in % at 0, 0.25, 0.5, … counted in the logs by `zcat LOG | awk '$5==1 && $4>=r'`, rounded
 * down; and what Cohen et al. published for 500 images (reference: their logs), with the average radius.
 */
const PUBLISHED = [
  { sigma: '0.25', counted: ['76.6', '61.2', '42.2', '25.1'], cohen: [74.8, 60.0, 42.8, 26.6], acr: 0.429 },
  {
    sigma: '0.50',
    counted: ['65.7', '54.9', '42.8', '32.5', '22.0', '14.0', '8.3', '3.8'],
    cohen: [65.2, 54.6, 41.4, 32.0, 23.4, 15.2, 9.4, 5.2],
    acr: 0.538,
  },
  {
    sigma: '1.00',
    counted: ['47.1', '40.9', '33.7', '27.7', '22.1', '17.2', '13.3', '9.7', '6.6', '4.3', '2.6'],
    cohen: [47.2, 39.2, 34.0, 27.8, 21.6, 17.4, 14.0, 11.8, 10.0, 7.6, 4.8],
    acr: 0.542,
  },
];

describe.skipIf(!existsSync(logs))('the replication logs of ../shared', () => {
  for (const { sigma, counted, cohen, acr } of PUBLISHED) {
    const bytes = existsSync(logs)
      ? readFileSync(`${logs}/noise_${sigma}/test/sigma_${sigma}.gz`)
      : new Uint8Array();

    test(`σ = ${sigma}: the certified accuracies counted in the log`, () => {
      const run = runFrom(bytes, `sigma_${sigma}`);
      const score = run.series[0]?.score;
      if (score === undefined) throw new Error('no series');
      expect(score.images).toBe(10_000);
      counted.forEach((percent, k) => {
        const { certified, images } = certifiedShare(score, k / 4);
        expect(shareDown(certified, images, 1), `at ${k / 4}`).toBe(percent);
      });
      // Both are samples of one recipe: the gap of 500 to 10,000 images, five standard deviations and the spread of training.
      cohen.forEach((percent, k) => {
        const { certified } = certifiedShare(score, k / 4);
        const p = percent / 100;
        const deviation = Math.sqrt((p * (1 - p)) / 500);
        expect(Math.abs(certified / 10_000 - p), `at ${k / 4}`).toBeLessThan(5 * deviation);
      });
      expect(Math.abs(averageRadius(score).mean - acr)).toBeLessThan(0.04);
      const latex = latexReport(reportOf(run));
      for (const percent of counted) expect(latex).toContain(` ${percent} `);
    });
  }
});

describe('a log', () => {
  const table = cohenTsv(exampleHeader(), records(20));

  test('of our own has the verdicts of the run it was written from', () => {
    const read = readCohenTsv(Buffer.from(table), 'a.tsv');
    expect(
      read.map(({ index, label, prediction, abstained, correct }) => ({
        index,
        label,
        prediction,
        abstained,
        correct,
      })),
    ).toEqual(
      records(20).map(({ index, label, prediction, abstained, correct }) => ({
        index,
        label,
        prediction,
        abstained,
        correct,
      })),
    );
    expect(readCohenTsv(gzipSync(Buffer.from(table)), 'a.gz')).toEqual(read);
  });

  const damage: [string, string, RegExp][] = [
    ['without a column', table.replace('radius', 'r'), /line 1/],
    ['with a line cut off', `${table}500\t3`, /line 22/],
    ['with a radius that is no number', table.replace(/(\n\d+\t\d+\t\d+\t)[\d.]+/, '$1abc'), /line 2/],
    ['with a negative radius', table.replace(/(\n\d+\t\d+\t\d+\t)([\d.]+)/, '$1-$2'), /line 2/],
    ['with an abstention that claims a radius', table.replace(/-1\t0\.0/, '-1\t0.5'), /line 8/],
    ['with a right answer called wrong', table.replace(/(\n0\t.*)\t1\t/, '$1\t0\t'), /line 2/],
    ['with an image twice', `${table}${table.split('\n')[1]}\n`, /line 22/],
  ];
  for (const [what, text, where] of damage) {
    test(`${what} is refused, naming the line`, () => {
      let error: unknown;
      try {
        readCohenTsv(Buffer.from(text), 'a.tsv');
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).report.where).toMatch(where);
    });
  }

  test('that does not unpack is refused', () => {
    expect(() => readCohenTsv(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3), 'a.gz')).toThrow(UsageError);
  });
});
