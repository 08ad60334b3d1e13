/** Logs of others: the published replication of Cohen et al. (CIFAR-10, ResNet-110, Salman et al. 2019) gives its figures. */
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { shareDown } from '../../src/ground/decimal.ts';
import { UsageError } from '../../src/ground/errors.ts';
import { cohenTsv } from '../../src/records/cohen-tsv.ts';
import { readCohenTsv } from '../../src/records/read-cohen-tsv.ts';
import type { Outcome } from '../../src/records/record.ts';
import { loggedRun } from '../../src/report/audited-run.ts';
import { latexReport } from '../../src/report/latex-report.ts';
import { averageRadius, certifiedShare } from '../../src/statistics/accuracy.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { outcomesOf } from '../records/run.ts';
import { records, reportOf } from './runs.ts';

const logs = `${sharedFolder}/groundtruth/salman2019_cohen_replication/resnet110`;
const absent = existsSync(logs) ? '' : ' (skipped: the logs are not on this machine)';

const runFrom = (bytes: Uint8Array, name: string) =>
  loggedRun({ name, file: `${name}.tsv`, bytes }, readCohenTsv(bytes, name));

/**
 * Per σ: right and certified images of 10,000 at radius 0, 0.25, 0.5, … counted in the logs by
 * `zcat LOG | awk -v r=R 'NR>1 && $5==1 && $4>=r' | wc -l`; and what Cohen et al. published for their 500 images, in %,
 * with the average radius.
 */
const PUBLISHED = [
  { sigma: '0.12', counted: [8317, 5977, 0], cohen: [], acr: null },
  { sigma: '0.25', counted: [7665, 6116, 4225, 2506, 0], cohen: [74.8, 60.0, 42.8, 26.6], acr: 0.429 },
  {
    sigma: '0.50',
    counted: [6568, 5491, 4279, 3245, 2197, 1412, 826, 394, 0],
    cohen: [65.2, 54.6, 41.4, 32.0, 23.4, 15.2, 9.4, 5.2],
    acr: 0.538,
  },
  {
    sigma: '1.00',
    counted: [4715, 4094, 3377, 2768, 2213, 1722, 1328, 967, 663, 431, 268],
    cohen: [47.2, 39.2, 34.0, 27.8, 21.6, 17.4, 14.0, 11.8, 10.0, 7.6, 4.8],
    acr: 0.542,
  },
];

describe.skipIf(absent !== '')(`the replication logs of ../shared${absent}`, () => {
  for (const { sigma, counted, cohen, acr } of PUBLISHED) {
    const bytes =
      absent === '' ? readFileSync(`${logs}/noise_${sigma}/test/sigma_${sigma}.gz`) : new Uint8Array();

    test(`σ = ${sigma}: the certified accuracies counted in the log`, () => {
      const run = runFrom(bytes, `sigma_${sigma}`);
      const score = run.series[0]?.score;
      if (score === undefined) throw new Error('no series');
      expect(score.images).toBe(10_000);
      expect(counted.map((_, k) => certifiedShare(score, k / 4).certified)).toEqual(counted);
      // Two trainings of one recipe, one seen on 500 images: within 3.3 standard deviations of 500 for all 23 figures
      // (two-sided 1e-3 each, so 2.3 % over all of them) if training made no difference.
      cohen.forEach((percent, k) => {
        const p = percent / 100;
        const deviation = Math.sqrt((p * (1 - p)) / 500);
        expect(Math.abs((counted[k] ?? 0) / 10_000 - p), `at ${k / 4}`).toBeLessThan(3.3 * deviation);
      });
      if (acr !== null) expect(Math.abs(averageRadius(score, 'independent').mean - acr)).toBeLessThan(0.04);
      const latex = latexReport(reportOf(run));
      for (const images of counted.slice(0, -1)) expect(latex).toContain(` ${shareDown(images, 10_000, 1)} `);
    });
  }
});

describe('a log', () => {
  const table = cohenTsv('certificate', outcomesOf(records(20)));

  test('of our own has the verdicts of the run it was written from', () => {
    const read = readCohenTsv(Buffer.from(table), 'a.tsv');
    const said = ({ index, label, verdicts: [own] }: Outcome) => [index, label, own?.prediction];
    expect(read.map(said)).toEqual(outcomesOf(records(20)).map(said));
    expect(readCohenTsv(gzipSync(Buffer.from(table)), 'a.gz')).toEqual(read);
  });

  const damage: [string, string, RegExp][] = [
    ['without a column', table.replace('radius', 'r'), /line 1/],
    ['with a line cut off', `${table}500\t3`, /line 22/],
    ['with a radius that is not a number', table.replace(/(\n\d+\t\d+\t\d+\t)[\d.]+/, '$1abc'), /line 2/],
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

  test('is refused when it does not unpack', () => {
    expect(() => readCohenTsv(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3), 'a.gz')).toThrow(UsageError);
  });
});
