/** A benchmark for programs: as one JSON document, and as CSV with a row per method and radius. Nothing is rounded. */

import { escapeCsv } from '../escape.ts';
import type { Benchmark, BenchmarkEntry } from './benchmark.ts';
import { QUANTILES } from './distribution.ts';
import { warningsOf } from './notes.ts';

/** What `--json` prints. */
export const benchmarkDocument = (benchmark: Benchmark): object => ({
  ...{ otherImages: benchmark.otherImages, differing: benchmark.differing, quantiles: QUANTILES },
  warnings: warningsOf(benchmark),
  norms: benchmark.groups.map(({ norm, radii, entries }) => ({ norm, radii, methods: entries })),
});

const COLUMNS = [
  ...[
    'name',
    'file',
    'series',
    'method',
    'model',
    'norm',
    'guarantee',
    'failure_probability',
    'alpha',
    'n',
    'finished',
    'same_images',
  ],
  ...['images', 'abstained', 'alone', 'measure', 'radius', 'certified', 'share', 'lower95', 'upper95'],
  ...QUANTILES.map((share) => `p_A_${100 * share}`),
  ...['unanimous', 'draws', 'seconds', 'bytes', 'machine', 'average_radius'],
];

/** RFC 4180; a field without value is empty. */
export function benchmarkCsv({ groups, otherImages }: Benchmark): string {
  const rows = groups.flatMap(({ entries }) =>
    entries.flatMap((entry) => entry.shares.map((_, k) => rowOf(entry, k, otherImages.length === 0))),
  );
  return [COLUMNS, ...rows]
    .map((row) => `${row.map((cell) => escapeCsv(cell === null ? '' : String(cell))).join(',')}\r\n`)
    .join('');
}

function rowOf(entry: BenchmarkEntry, k: number, sameImages: boolean): (string | number | boolean | null)[] {
  const share = entry.shares[k];
  if (share === undefined) throw new RangeError(`no radius ${k}`);
  const { images } = entry;
  return [
    ...[entry.name, entry.file, entry.series, entry.method, entry.model, entry.norm, entry.kind],
    ...[
      entry.kind === null ? null : entry.failureProbability,
      entry.alpha,
      entry.n,
      entry.finished,
      sameImages,
    ],
    ...[images, entry.abstained, entry.right, entry.measure, share.radius, share.certified],
    ...[images === 0 ? null : share.certified / images, share.lower, share.upper],
    ...QUANTILES.map((_, q) => entry.pA?.quantiles[q] ?? null),
    ...[entry.unanimous, entry.samples, entry.seconds, entry.bytes, entry.machine, entry.averageRadius],
  ];
}
