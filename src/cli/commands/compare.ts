/** `compare`: one series from each of two runs over the same images, paired: shares at radii, average radius, significance. */
import { basename } from 'node:path';
import { roundDown, roundUp, shareDown } from '../../ground/decimal.ts';
import { UsageError } from '../../ground/errors.ts';
import { shorten, wrap } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import { labelOf } from '../../methods/index.ts';
import { outcomeOf, readRun } from '../../methods/result-files.ts';
import { certifiedCount } from '../../statistics/accuracy.ts';
import { type ComparedRun, type Comparison, compareRuns, LEVEL } from '../../statistics/comparison.ts';
import type { CompareFlags } from '../declarations/compare.ts';
import { renderCurves } from '../terminal/curve.ts';
import { type Screen, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export async function run({ first, second, series, format, json }: CompareFlags): Promise<void> {
  const chosen = seriesOf(series);
  const sides = [await sideOf(first, chosen[0]), await sideOf(second, chosen[1])] as const;
  const comparison = compareRuns(sides[0], sides[1], [first, second]);
  process.stdout.write(
    (format ?? (json ? 'json' : 'table')) === 'json'
      ? `${JSON.stringify(documentOf(comparison, sides))}\n`
      : asText(comparison, sides, screenOf(process.stdout, process.env)),
  );
}

/** A run by its file, and which of its series is compared. */
interface Side extends ComparedRun {
  readonly path: string;
  readonly label: string;
}

/** "0,1": one series number per side. Throws UsageError for anything else. */
function seriesOf(text = '0,0'): readonly [number, number] {
  const [, first, second] = /^(\d+),(\d+)$/u.exec(text) ?? [];
  if (first !== undefined && second !== undefined) return [Number(first), Number(second)];
  throw new UsageError({
    what: `--series '${text}' cannot be read`,
    remedy: 'Write one series number per run: --series 0,1.',
  });
}

async function sideOf(path: string, number: number): Promise<Side> {
  const { header, records } = await readRun(path);
  const series = header.series[number];
  if (series === undefined) {
    throw new UsageError({
      what: `there is no series ${number}`,
      where: path,
      why: `the run has ${header.series.length}, counted from 0: ${header.series.map(labelOf).join(', ')}`,
      remedy: 'Choose one of them with --series.',
    });
  }
  const outcomes = records.map((record) => outcomeOf(record, header));
  return { header, outcomes, series: number, path, label: labelOf(series) };
}

function documentOf(
  { scores: _, ...comparison }: Comparison,
  [first, second]: readonly [Side, Side],
): object {
  return {
    ...{ first: first.path, second: second.path, series: [first.series, second.series] },
    ...{ labels: [first.label, second.label], level: LEVEL, ...comparison },
  };
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

function asText(comparison: Comparison, sides: readonly [Side, Side], screen: Screen): string {
  const { images, measure, norm, shares, average, settings, scores, abstained, otherClass } = comparison;
  if (images === 0) return 'no image was certified in either run\n';
  const { style, columns } = screen;
  const same = basename(sides[0].path) === basename(sides[1].path);
  const heads = sides.map(({ path, label, series }, k) => {
    const file = visible(same ? path : basename(path));
    return `${'AB'[k]}  ${shorten(series === 0 ? file : `${file}, ${visible(label)}`, columns - 4)}\n`;
  });
  const estimates = comparison.guarantees.flatMap((guarantee, k) =>
    guarantee === 'certificate' ? [] : ['AB'[k]],
  );
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
    { largest, ticks: shares.map(({ radius }) => radius), title: `${measure} over radius (${norm})` },
    screen,
  );
  const notes = [
    ...statements(comparison),
    ...(otherClass > 0 ? [`${otherClass} images are certified by both, as different classes.`] : []),
    ...(settings.length > 0
      ? [`What differs between the runs: ${visible(settings.map(shortDigests).join('; '))}.`]
      : []),
  ];
  return [
    heads.join(''),
    ...(estimates.length > 0
      ? [style.yellow(`ESTIMATE, NOT A BOUND: the radii of ${estimates.join(' and ')} prove nothing.\n`)]
      : []),
    `${style.bold(measure)} at radius (${norm}), ${images} images\n${table}`,
    totals,
    ...(curve === '' ? [] : [curve]),
    notes.map((note) => `${wrap(note, columns)}\n`).join(''),
  ].join('\n');
}

const shortDigests = (text: string): string => text.replace(/"([0-9a-f]{12})[0-9a-f]{52}"/gu, '$1…');

/** What is significant, in plain sentences. */
function statements({ shares, average, images, distinct }: Comparison): string[] {
  const significant = shares.filter(({ adjusted }) => adjusted <= LEVEL);
  const list = (better: typeof shares): string => better.map(({ radius }) => radius).join(', ');
  const forB = significant.filter(({ first, second }) => second > first);
  const forA = significant.filter(({ first, second }) => first > second);
  const verdicts = [
    ...(forB.length > 0 ? [`B certifies more images at radius ${list(forB)}.`] : []),
    ...(forA.length > 0 ? [`A certifies more images at radius ${list(forA)}.`] : []),
    ...(significant.length === 0
      ? [`At no radius of the table is the difference significant with these ${distinct} images.`]
      : ['At the other radii the difference may be chance.']),
  ];
  const [low, high] = average.interval;
  const signed = (x: number): string => `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(4)}`;
  return [
    ...(distinct === images
      ? []
      : [
          `Equal images count once in all tests, in "only A" and in "only B": ${distinct} of ${images} are distinct.`,
        ]),
    `${verdicts.join(' ')} (Exact McNemar test on the images that only one of them certifies, Holm-adjusted over the table, at 5 %.)`,
    `The average certified radius differs by ${signed(average.difference)} (95 % bootstrap interval ${signed(low)} to ${signed(high)}); ` +
      `${average.p <= LEVEL ? 'significant' : 'not significant'}, sign-flip test p = ${pText(average.p)}.`,
  ];
}
