/** What `attack` is to attack: the certificates of a result file, a model certified on the way, or a model as it is. */
import { readFileSync } from 'node:fs';
import type { AttackHeader } from '../../attack/attack-record.ts';
import { UsageError } from '../../ground/errors.ts';
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import type { LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type {
  SamplingResources,
  SmoothedClassifier,
  SmoothingSettings,
} from '../../methods/smoothed-classifier.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { readRun } from '../../records/read-results.ts';
import { checkSigma, type SmoothingFlags, statisticalSettings } from '../certify-settings.ts';
import { cutFor } from '../choose-cut.ts';
import { type OpenedRun, openRun, type RunFlags } from '../open-run.ts';
import { reopenRun, type SourceFlags } from '../reopen-run.ts';
import { planSmoothing } from '../smoothing-plan.ts';
import { originOf } from '../sourced.ts';

/** One image's claim: what is answered, and within which radius it is certified. */
export interface Claim {
  /** Null where the smoothed classifier abstained. */
  readonly prediction: number | null;
  readonly radius: number;
  /** The certificate as made or as read; evidence for a contradiction. */
  readonly certificate: unknown;
}

export interface AttackPlan {
  readonly opened: OpenedRun;
  readonly cut: Cut;
  readonly left: LeftHalfBound | null;
  /** Null where the classifier is attacked as it is, without noise. */
  readonly smoothing: SmoothingSettings | null;
  /** For the header of the attack file. */
  readonly smoothed: AttackHeader['smoothed'];
  readonly indices: readonly number[];
  claim(
    index: number,
    image: Float32Array,
    classifier: SmoothedClassifier,
    signal: AbortSignal,
  ): Promise<Claim>;
}

export interface AttackPlanFlags
  extends Omit<RunFlags, 'model'>,
    Omit<SourceFlags, 'run'>,
    SmoothingFlags,
    SamplingResources {
  readonly source: string;
  readonly n0?: number | undefined;
  readonly bound?: VoteBoundName | undefined;
  readonly undefended: boolean;
  readonly image?: number | undefined;
  readonly start: number;
  readonly max?: number | undefined;
}

/** How a result file begins. */
const RESULT_START = '{"kind":"run"';

function isResultFile(path: string): boolean {
  if (/\.jsonl$/i.test(path)) return true;
  if (/\.onnx$/i.test(path)) return false;
  try {
    return readFileSync(path, 'utf8').startsWith(RESULT_START);
  } catch {
    // Not readable: opening it as a model says why.
    return false;
  }
}

/** @throws UsageError for flags that do not fit the source, and what opening model, data and result file throws */
export async function planAttack(
  flags: AttackPlanFlags,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<AttackPlan> {
  if (isResultFile(flags.source)) return planOfRecords(flags);
  if (flags.model !== undefined)
    throw new UsageError({
      what: 'two models are named',
      where: `${flags.source} and ${flags.model}`,
      remedy: 'Name one model, or a result file and its model.',
    });
  const opened = await openRun({ ...flags, model: flags.source });
  const indices = selected(opened.data.length, flags);
  return flags.undefended
    ? planUndefended(opened, indices)
    : planOfModel(opened, indices, flags, signal, note);
}

/** Indices from flags: one image, or `max` from `start`. */
function selected(length: number, { image, start, max }: AttackPlanFlags): number[] {
  const first = image ?? start;
  if (first >= length)
    throw new UsageError({
      what: `there is no image ${first}`,
      why: `the data set has ${length}`,
      remedy: `Give an index from 0 to ${length - 1}.`,
    });
  const last = image === undefined ? Math.min(length, start + (max ?? length)) : first + 1;
  return Array.from({ length: last - first }, (_, k) => first + k);
}

/** Settings that the result file holds already. */
const RECORDED = [
  'split',
  'sigma',
  'n',
  'n0',
  'alpha',
  'bound',
  'lipschitz',
  'layout',
  'channels',
  'scale',
  'mean',
  'std',
] as const;

async function planOfRecords(flags: AttackPlanFlags): Promise<AttackPlan> {
  // A config file that says the same for all commands does not stand in the way.
  const given: string[] = RECORDED.filter(
    (name) => flags[name] !== undefined && originOf(flags, name) === 'flag',
  ).map((name) => `--${name}`);
  if (flags.undefended) given.push('--undefended');
  if (given.length > 0)
    throw new UsageError({
      what: `${given.join(', ')} ${given.length === 1 ? 'does' : 'do'} not go with a result file`,
      where: flags.source,
      why: 'the certificates are attacked as they were made',
      remedy: 'Leave it out, or name the model instead of the result file.',
    });
  const run = await readRun(flags.source);
  const { opened, cut, left } = await reopenRun({ ...flags, run: flags.source }, run.header);
  const { settings } = run.header;
  const byIndex = new Map(run.records.map((record) => [record.index, record]));
  const wanted =
    flags.image === undefined
      ? run.records
          .map(({ index }) => index)
          .filter((index) => index >= flags.start)
          .slice(0, flags.max ?? run.records.length)
      : [flags.image];
  const missing = wanted.find((index) => !byIndex.has(index));
  if (missing !== undefined || wanted.length === 0)
    throw new UsageError({
      what:
        missing === undefined ? 'there is no certificate to attack' : `image ${missing} has no certificate`,
      where: flags.source,
      why: `the file has ${run.records.length} records`,
      remedy: 'Name an image that was certified, or certify more.',
    });
  const smoothing: SmoothingSettings = {
    sigma: settings.sigma.value,
    n0: settings.n0.value,
    n: settings.n.value,
    alpha: settings.alpha.value,
    bound: settings.bound.value,
    seed: BigInt(settings.seed.value),
  };
  return {
    opened,
    cut,
    left,
    smoothing,
    smoothed: described(cut, smoothing, settings.delta.value, settings.lipschitz.value),
    indices: wanted,
    claim: async (index) => {
      const certificate = byIndex.get(index);
      if (certificate === undefined) throw new Error(`no record of image ${index}`);
      return { prediction: certificate.prediction, radius: certificate.radius, certificate };
    },
  };
}

async function planOfModel(
  opened: OpenedRun,
  indices: readonly number[],
  flags: AttackPlanFlags,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<AttackPlan> {
  const statistics = statisticalSettings(flags);
  if (flags.sigma !== undefined) checkSigma('--sigma', flags.sigma);
  const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
  const { cut, left, sigma, heldOut } = await planSmoothing(
    opened,
    flags,
    statistics,
    resources,
    signal,
    note,
  );
  const smoothing: SmoothingSettings = {
    sigma: sigma.value,
    n0: statistics.n0.value,
    n: statistics.n.value,
    alpha: statistics.alpha.value,
    bound: statistics.bound.value,
    seed: BigInt(statistics.seed.value),
  };
  return {
    ...{ opened, cut, left, smoothing },
    smoothed: described(cut, smoothing, left?.failureProbability ?? 0, statistics.lipschitz.value),
    indices: indices.filter((index) => !heldOut.includes(index)),
    claim: async (index, image, classifier, stop) => {
      const certificate = await classifier.certify(image, index, null, smoothing, stop);
      return { prediction: certificate.prediction, radius: certificate.radius, certificate };
    },
  };
}

function planUndefended(opened: OpenedRun, indices: readonly number[]): AttackPlan {
  return {
    ...{ opened, indices, left: null, smoothing: null, smoothed: null },
    cut: cutFor(opened.classifier, 'input'),
    claim: () => {
      throw new Error('a classifier without noise has no certificate');
    },
  };
}

function described(
  cut: Cut,
  { sigma, n0, n, alpha, bound, seed }: SmoothingSettings,
  delta: number,
  lipschitz: string,
): AttackHeader['smoothed'] {
  return { cut: cut.name, sigma, n0, n, alpha, delta, bound, lipschitz, seed: Number(seed) };
}
