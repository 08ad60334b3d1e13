/** `replay`: draws the noise of single records again, with the recorded seed and settings, and compares everything. */
import { roundDown } from '../../ground/decimal.ts';
import { DoesNotHold } from '../../ground/errors.ts';
import { openSmoothedClassifier, type SamplingResources } from '../../methods/smoothed-classifier.ts';
import { requireCount } from '../../methods/sourced.ts';
import { readRun } from '../../records/read-results.ts';
import {
  type CertificateRecord,
  ownCertificate,
  type RunHeader,
  type SmoothingCertificate,
} from '../../records/record.ts';
import { cutFor } from '../../runs/choose-cut.ts';
import { findRecord } from '../../runs/find-record.ts';
import { environmentDifferences, type ReopenedRun, reopenRun } from '../../runs/reopen-run.ts';
import { PROVIDERS, type Provider } from '../../smoothing/providers.ts';
import { replayDifferences } from '../../verification/replay.ts';
import type { ReplayFlags } from '../declarations/replay.ts';
import { interruptible } from '../interrupt.ts';
import { screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export const run = (flags: ReplayFlags): Promise<void> =>
  interruptible('Run the command again.', (signal) => within(flags, signal));

/** One method of one image, drawn again. */
interface Comparison {
  readonly image: number;
  readonly method: 'SPLITZ' | 'plain smoothing';
  readonly sigma: number;
  readonly recorded: SmoothingCertificate;
  readonly differences: readonly string[];
}

async function within(flags: ReplayFlags, signal: AbortSignal): Promise<void> {
  requireCount('--workers', flags.workers, 1);
  requireCount('--batch', flags.batch, 1);
  for (const image of flags.image) requireCount('--image', image, 0);
  const file = await readRun(flags.run);
  const { header } = file;
  const records = flags.image.map((image) => findRecord(file, image, flags.run));
  const reopened = await reopenRun(flags, header);
  const provider: Provider =
    flags.provider ?? PROVIDERS.find((name) => name === header.environment.provider) ?? 'cpu';
  const elsewhere = environmentDifferences(header, provider);
  if (elsewhere.length > 0) {
    process.stderr.write(
      `note   counts may differ: logits can differ in their last bits (${elsewhere.join('; ')})\n`,
    );
  }
  const resources = { provider, workers: flags.workers, batch: flags.batch };
  const comparisons = await drawnAgain(header, records, reopened, resources, signal);
  if (flags.json) {
    const rows = comparisons.map(({ image, method, sigma, differences }) => ({
      ...{ image, method, sigma },
      same: differences.length === 0,
      differences,
    }));
    process.stdout.write(`${JSON.stringify({ environment: elsewhere, replayed: rows })}\n`);
  } else process.stdout.write(asTable(comparisons));
  const [first] = comparisons.filter(({ differences }) => differences.length > 0);
  if (first === undefined) return;
  throw new DoesNotHold({
    what: `image ${first.image} (${first.method}) comes out differently when it is drawn again`,
    where: flags.run,
    why: first.differences.join('\n'),
    remedy:
      elsewhere.length > 0
        ? `Replay where the run was made, or take small differences for what they are: ${elsewhere.join('; ')}.`
        : 'Model, data, runtime and processor are those of the run: the record was not made as it says. Certify the image again.',
  });
}

/** Every record certified again as `certify` does it, plain smoothing beside it. */
async function drawnAgain(
  header: RunHeader,
  records: readonly CertificateRecord[],
  { opened, cut, left }: ReopenedRun,
  resources: SamplingResources,
  signal: AbortSignal,
): Promise<Comparison[]> {
  const { classifier, data } = opened;
  const { sigma, baselineSigma, n0, n, alpha, bound, seed } = header.settings;
  const images = await Promise.all(records.map(({ index }) => data.image(index)));
  const common = {
    n0: n0.value,
    n: n.value,
    alpha: alpha.value,
    bound: bound.value,
    seed: BigInt(seed.value),
  };
  const comparisons: Comparison[] = [];
  const compare = async (role: 'certified' | 'baseline', level: number): Promise<void> => {
    const own = role === 'certified';
    const smoothed = await openSmoothedClassifier(
      classifier,
      own ? cut : cutFor(classifier, 'input'),
      own ? left : null,
      resources,
      images.slice(0, 2),
      role,
    );
    try {
      for (const [k, record] of records.entries()) {
        const recorded = own ? ownCertificate(record) : record.baseline;
        const image = images[k];
        if (recorded === null || image === undefined) continue;
        const again = await smoothed.certify(
          image,
          record.index,
          data.labels?.[record.index] ?? null,
          { ...common, sigma: level },
          signal,
        );
        comparisons.push({
          image: record.index,
          method: own && left !== null ? 'SPLITZ' : 'plain smoothing',
          sigma: level,
          recorded,
          differences: replayDifferences(recorded, again),
        });
      }
    } finally {
      await smoothed.close();
    }
  };
  await compare('certified', sigma.value);
  if (baselineSigma.value !== null) await compare('baseline', baselineSigma.value);
  return comparisons;
}

function asTable(comparisons: readonly Comparison[]): string {
  const { style } = screenOf(process.stdout, process.env);
  return renderTable(
    [
      { header: 'image', align: 'right' },
      { header: 'method' },
      { header: 'class', align: 'right' },
      { header: 'votes', align: 'right' },
      { header: 'of', align: 'right' },
      { header: 'radius', align: 'right' },
      { header: 'drawn again' },
    ],
    comparisons.map(({ image, method, sigma, recorded, differences }) => [
      String(image),
      `${method} σ=${sigma}`,
      recorded.abstained ? 'abstain' : String(recorded.prediction),
      recorded.selected === null ? '-' : String(recorded.counts[recorded.selected] ?? 0),
      String(recorded.n),
      roundDown(recorded.radius, 6),
      differences.length === 0 ? style.green('the same') : style.red(`${differences.length} differences`),
    ]),
    style,
  );
}
