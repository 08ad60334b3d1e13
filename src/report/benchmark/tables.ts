/** A benchmark as tables, the curve first: what every format but JSON and CSV prints. */
import { roundDown, roundUp, shareDown, tidy } from '../../ground/decimal.ts';
import { capitalised } from '../../ground/sentence.ts';
import type { Norm } from '../../records/norm.ts';
import type { Table } from '../figure.ts';
import type { Alike } from './alike.ts';
import type { Benchmark, BenchmarkEntry, NormGroup } from './benchmark.ts';
import { QUANTILES } from './distribution.ts';

const NONE = '–';

const right = (header: string): Table['columns'][number] => ({ header, align: 'right' });
const METHOD: Table['columns'][number] = { header: 'method', align: 'left' };

/** Of every norm the certified accuracies, then of all methods p_A, and what their certificates say and cost. */
export const benchmarkTables = (benchmark: Benchmark): Table[] => [
  ...benchmark.groups.map(curveTable),
  probabilityTable(entriesOf(benchmark)),
  costTable(benchmark),
];

export const entriesOf = ({ groups }: Benchmark): readonly BenchmarkEntry[] =>
  groups.flatMap(({ entries }) => entries);

export const measureOf = (entries: readonly BenchmarkEntry[]): string =>
  entries.some(({ measure }) => measure === 'certified fraction')
    ? 'certified fraction'
    : 'certified accuracy';

function curveTable({ norm, radii, entries }: NormGroup): Table {
  return {
    caption: `${capitalised(measureOf(entries))} at radius (${norm}), % of images; "alone": the network without noise, not certified`,
    columns: [METHOD, right('images'), right('alone'), ...radii.map((radius) => right(String(radius)))],
    rows: entries.map(({ name, images, right: alone, shares }) => [
      name,
      String(images),
      alone === null || images === 0 ? NONE : shareDown(alone, images, 1),
      ...shares.map(({ certified }) => (images === 0 ? NONE : shareDown(certified, images, 1))),
    ]),
  };
}

/** Lower bounds, rounded down. */
function probabilityTable(entries: readonly BenchmarkEntry[]): Table {
  return {
    caption:
      'p_A over the images: the value that so many percent of them do not exceed; "all agree": % of images whose draws all agree, where more draws would give more',
    columns: [METHOD, ...QUANTILES.map((share) => right(`${100 * share} %`)), right('all agree')],
    rows: entries.map(({ name, pA, unanimous, images }) => [
      name,
      ...QUANTILES.map((_, k) => {
        const value = pA?.quantiles[k];
        return value === undefined ? NONE : roundDown(value, 5);
      }),
      unanimous === null || images === 0 ? NONE : shareDown(unanimous, images, 1),
    ]),
  };
}

function costTable({ groups, differing }: Benchmark): Table {
  const marked = (header: string, field: keyof Alike): Table['columns'][number] =>
    right(differing.includes(field) ? `${header} *` : header);
  return {
    caption: 'Guarantee and cost, means per image; * differs between the methods',
    columns: [
      METHOD,
      { header: 'guarantee', align: 'left' },
      marked('norm', 'norm'),
      marked('n', 'n'),
      marked('α', 'alpha'),
      right('abstained'),
      right('draws'),
      marked('seconds', 'machine'),
      right('bytes'),
      { header: differing.includes('model') ? 'model *' : 'model', align: 'left' },
    ],
    rows: groups.flatMap(({ norm, entries }) => entries.map((entry) => costRow(entry, norm))),
  };
}

const costRow = (entry: BenchmarkEntry, norm: Norm): string[] => [
  entry.name,
  guaranteeOf(entry),
  norm,
  entry.n === null ? NONE : String(entry.n),
  entry.alpha === null ? NONE : tidy(entry.alpha),
  String(entry.abstained),
  entry.samples === null ? NONE : roundUp(entry.samples, 0),
  entry.seconds === null ? NONE : entry.seconds.toPrecision(3),
  entry.bytes === null ? NONE : roundUp(entry.bytes, 0),
  entry.model,
];

function guaranteeOf({ kind, failureProbability }: BenchmarkEntry): string {
  if (kind === null) return NONE;
  if (kind === 'certain') return 'deterministic (no α)';
  return kind === 'per image' ? `per image, probability ≥ 1 − ${tidy(failureProbability)}` : kind;
}
