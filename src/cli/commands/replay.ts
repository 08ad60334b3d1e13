/** `replay`: computes single records again, with the recorded seed and settings, and compares everything. */
import { roundDown } from '../../ground/decimal.ts';
import { DoesNotHold, UsageError } from '../../ground/errors.ts';
import { wrap } from '../../ground/text-width.ts';
import { labelOf, methodOf } from '../../methods/index.ts';
import { readRun } from '../../methods/result-files.ts';
import { requireCount } from '../../methods/sourced.ts';
import type { Run } from '../../records/read-results.ts';
import type { RunHeader, SeriesCertificate } from '../../records/record.ts';
import { findRecord } from '../../runs/find-record.ts';
import { recordedPrecision } from '../../runs/recorded-precision.ts';
import { type Replay, replay } from '../../runs/replay.ts';
import {
  type ReplaySample,
  replaySample,
  type SampleSize,
  sampleInWords,
  sampleLeavesOpen,
} from '../../runs/replay-sample.ts';
import { PROVIDERS, type Provider } from '../../smoothing/arithmetic.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import { contextOf } from '../context.ts';
import type { ReplayFlags } from '../declarations/replay.ts';
import { sampleSize } from '../sample-size.ts';
import { screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export async function run(flags: ReplayFlags): Promise<void> {
  const asked = askedFor(flags);
  const file = await readRun(flags.run);
  const sample = asked.size === null ? null : replaySample(file.records, asked.size, asked.seed);
  const images = sample?.records.map(({ index }) => index) ?? asked.images;
  const provider = flags.provider ?? recordedProvider(file, images, flags.run);
  const precision = recordedPrecision(file.header);
  await contextOf({ ...flags, provider, precision }, 'Run the command again.', async (context) => {
    const replayed = await replay(file, flags, images, context);
    const rows = rowsOf(file.header, replayed);
    process.stdout.write(
      flags.json
        ? `${JSON.stringify(asDocument(rows, replayed, sample))}\n`
        : asTable(rows) + (sample === null ? '' : inWords(sample)),
    );
    if (replayed.header.length > 0) throw headerDiffers(replayed, flags.run);
    const first = rows.find(({ differences }) => differences.length > 0);
    if (first !== undefined) throw differs(first, flags.run, replayed.elsewhere);
  });
}

/** Images by number, or a sample. Throws UsageError for both. */
function askedFor({ image, sample, seed }: ReplayFlags): {
  readonly images: readonly number[];
  readonly size: SampleSize | null;
  readonly seed: number;
} {
  for (const one of image ?? []) requireCount('--image', one, 0);
  if (seed !== undefined) requireCount('--seed', seed, 0);
  if (image !== undefined && sample !== undefined)
    throw new UsageError({ what: '--image and --sample exclude each other', remedy: 'Omit one of them.' });
  if (seed !== undefined && sample === undefined)
    throw new UsageError({
      what: '--seed draws a sample, and none is asked for',
      remedy: 'Add --sample N, or omit --seed: noise has the recorded seed.',
    });
  const size = sample === undefined ? null : sampleSize('--sample', sample);
  return { images: image ?? [0], size, seed: seed ?? drawnSeed() };
}

/** What was drawn and what that is worth. */
function inWords(sample: ReplaySample): string {
  const { columns } = screenOf(process.stdout, process.env);
  const open = sampleLeavesOpen(sample);
  return ['', sampleInWords(sample), ...(open === null ? [] : [`not checked: ${open}`])]
    .map((text) => `${wrap(text, columns)}\n`)
    .join('');
}

/** The provider of the machine that computed the first of the records. */
function recordedProvider(file: Run, [first]: readonly number[], path: string): Provider {
  if (first === undefined) return 'cpu';
  const { environment } = findRecord(file, first, path);
  const recorded = file.header.environments[environment]?.provider;
  return PROVIDERS.find((name) => name === recorded) ?? 'cpu';
}

/** One series of one image, computed again; differences in the image itself are listed with its first series. */
interface Row {
  readonly image: number;
  readonly series: number;
  /** Name of the series. */
  readonly label: string;
  /** Of its evidence as recorded; null where nothing is voted on. */
  readonly votes: { readonly most: number; readonly draws: number } | null;
  readonly certificate: SeriesCertificate;
  readonly differences: readonly string[];
}

const rowsOf = (header: RunHeader, { records }: Replay): Row[] =>
  records.flatMap(({ record, image, series }) =>
    header.series.flatMap((one, k) => {
      const certificate = record.series[k];
      if (certificate === undefined) return [];
      const votes = methodOf(one).votes(certificate.evidence);
      return [
        {
          ...{ image: record.index, series: k, label: labelOf(one), certificate },
          votes: votes && { most: Math.max(0, ...votes.counts), draws: drawsOf(votes) },
          differences: [...(k === 0 ? image : []), ...(series[k] ?? [])],
        },
      ];
    }),
  );

const asDocument = (
  rows: readonly Row[],
  { elsewhere, header }: Replay,
  sample: ReplaySample | null,
): object => ({
  environment: elsewhere,
  header,
  ...(sample === null
    ? {}
    : {
        sample: {
          drawn: sample.records.length,
          of: sample.of,
          seed: sample.seed,
          worth: sampleLeavesOpen(sample),
        },
      }),
  replayed: rows.map(({ image, series, label, differences }) => ({
    ...{ image, series, label },
    same: differences.length === 0,
    differences,
  })),
});

const differs = (
  { image, label, differences }: Row,
  path: string,
  elsewhere: readonly string[],
): DoesNotHold =>
  new DoesNotHold({
    what: `image ${image} (${label}) comes out differently when it is computed again`,
    where: path,
    details: differences,
    remedy: remedyFor(elsewhere),
  });

const headerDiffers = ({ header, elsewhere }: Replay, path: string): DoesNotHold =>
  new DoesNotHold({
    what: "the run's first line comes out differently when the methods are opened again",
    where: `${path}, line 1`,
    details: header,
    remedy: remedyFor(elsewhere),
  });

const remedyFor = (elsewhere: readonly string[]): string =>
  elsewhere.length > 0
    ? `Replay it where the run was made; small differences may be due to this machine: ${elsewhere.join('; ')}.`
    : 'Certify the image again: model, data, runtime and processor are those of the run, so the record was not made as it states.';

function asTable(rows: readonly Row[]): string {
  const { style } = screenOf(process.stdout, process.env);
  return renderTable(
    [
      { header: 'image', align: 'right' },
      { header: 'method' },
      { header: 'class', align: 'right' },
      { header: 'votes', align: 'right' },
      { header: 'of', align: 'right' },
      { header: 'radius', align: 'right' },
      { header: 'computed again' },
    ],
    rows.map(({ image, label, votes, certificate: { prediction, radius }, differences }) => [
      String(image),
      label,
      prediction === null ? 'abstain' : String(prediction),
      votes === null ? '-' : String(votes.most),
      votes === null ? '-' : String(votes.draws),
      roundDown(radius, 6),
      differences.length === 0 ? style.green('the same') : style.red(`${differences.length} differences`),
    ]),
    style,
  );
}
