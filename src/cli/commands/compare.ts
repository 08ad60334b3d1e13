/** `compare`: two runs over the same images, paired: shares at radii, average radius, and what is significant. */
import { basename } from 'node:path';
import { roundDown, roundUp, shareDown } from '../../ground/decimal.ts';
import { printable, shorten, wrap } from '../../ground/text-width.ts';
import { readRun } from '../../records/read-results.ts';
import { certifiedCount } from '../../statistics/accuracy.ts';
import { type Comparison, compareRuns, LEVEL } from '../../statistics/comparison.ts';
import type { CompareFlags } from '../declarations/compare.ts';
import { renderCurves } from '../terminal/curve.ts';
import { type Screen, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export async function run({ first, second, format, json }: CompareFlags): Promise<void> {
  const comparison = compareRuns(await readRun(first), await readRun(second), [first, second]);
  process.stdout.write(
    (format ?? (json ? 'json' : 'table')) === 'json'
      ? `${JSON.stringify(documentOf(comparison, first, second))}\n`
      : asText(comparison, [first, second], screenOf(process.stdout, process.env)),
  );
}

function documentOf({ scores: _, ...comparison }: Comparison, first: string, second: string): object {
  return { first, second, level: LEVEL, ...comparison };
}

/** A p-value in two digits, rounded up. */
function pText(p: number): string {
  if (p >= 1) return '1';
  if (p < 1e-4) return '< 0.0001';
  const digits = 1 - Math.floor(Math.log10(p));
  return roundUp(p, digits);
}

/** A signed difference of counts in points of the whole, to the nearest tenth. */
const points = (count: number, images: number): string => {
  const value = ((100 * count) / images).toFixed(1);
  return count > 0 ? `+${value}` : value;
};

function asText(comparison: Comparison, paths: readonly [string, string], screen: Screen): string {
  const { images, measure, shares, average, settings, scores, abstained, otherClass } = comparison;
  if (images === 0) return 'no image was certified in either run\n';
  const { style, columns } = screen;
  const same = basename(paths[0]) === basename(paths[1]);
  const [one, other] = paths.map(
    (path, k) => `${'AB'[k]}  ${shorten(printable(same ? path : basename(path)), columns - 4)}`,
  );
  const estimate = comparison.guarantees.some((guarantee) => guarantee !== 'certificate');
  const percent = (count: number): string => `${shareDown(count, images, 1)} %`;
  const table = renderTable(
    [
      { header: 'radius', align: 'right' },
      { header: 'A', align: 'right' },
      { header: 'B', align: 'right' },
      { header: 'B − A', align: 'right' },
      { header: 'only A', align: 'right' },
      { header: 'only B', align: 'right' },
      { header: 'p', align: 'right' },
      { header: 'Holm', align: 'right' },
    ],
    shares.map(({ radius, first, second, onlyFirst, onlySecond, p, adjusted }) => [
      String(radius),
      percent(first),
      percent(second),
      points(second - first, images),
      String(onlyFirst),
      String(onlySecond),
      pText(p),
      adjusted <= LEVEL ? style.bold(pText(adjusted)) : pText(adjusted),
    ]),
    style,
  );
  const totals = renderTable(
    [{ header: '' }, { header: 'A', align: 'right' }, { header: 'B', align: 'right' }],
    [
      ['average certified radius', roundDown(average.first, 4), roundDown(average.second, 4)],
      ['abstained', String(abstained[0]), String(abstained[1])],
    ],
    style,
  );
  const largest = Math.max(...scores.map(({ radii }) => radii.at(-1) ?? 0));
  const curve = renderCurves(
    [
      { name: 'A', at: (r) => certifiedCount(scores[0], r) / images },
      { name: 'B', at: (r) => certifiedCount(scores[1], r) / images },
    ],
    { largest, ticks: shares.map(({ radius }) => radius), title: `${measure} over radius (l2)` },
    screen,
  );
  const notes = [
    ...statements(comparison),
    ...(otherClass > 0 ? [`${otherClass} images are certified by both, as different classes.`] : []),
    ...(settings.length > 0
      ? [`What differs between the runs: ${printable(settings.map(shortDigests).join('; '))}.`]
      : []),
  ];
  return [
    `${one ?? ''}\n${other ?? ''}\n`,
    ...(estimate ? [style.yellow('ESTIMATE, NOT A BOUND: radii of power iteration prove nothing.\n')] : []),
    `${style.bold(measure)} at radius (l2), ${images} images\n${table}`,
    totals,
    ...(curve === '' ? [] : [curve]),
    notes.map((note) => `${wrap(note, columns)}\n`).join(''),
  ].join('\n');
}

const shortDigests = (text: string): string => text.replace(/"([0-9a-f]{12})[0-9a-f]{52}"/gu, '$1…');

/** The significance of it all, in plain sentences. */
function statements({ shares, average, images }: Comparison): string[] {
  const significant = shares.filter(({ adjusted }) => adjusted <= LEVEL);
  const list = (better: typeof shares): string => better.map(({ radius }) => radius).join(', ');
  const forB = significant.filter(({ first, second }) => second > first);
  const forA = significant.filter(({ first, second }) => first > second);
  const verdicts = [
    ...(forB.length > 0 ? [`B certifies more images at radius ${list(forB)}.`] : []),
    ...(forA.length > 0 ? [`A certifies more images at radius ${list(forA)}.`] : []),
    ...(significant.length === 0
      ? [`At no radius of the table is the difference significant with these ${images} images.`]
      : ['At the other radii the difference may be chance.']),
  ];
  const [low, high] = average.interval;
  const signed = (x: number): string => `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(4)}`;
  return [
    `${verdicts.join(' ')} (Exact McNemar test on the images only one of them certifies, adjusted after Holm over the table, 5 %.)`,
    `The average certified radius differs by ${signed(average.difference)} (95 % bootstrap interval ${signed(low)} to ${signed(high)}); ` +
      `${average.p <= LEVEL ? 'significant' : 'not significant'}, sign-flip test p = ${pText(average.p)}.`,
  ];
}
