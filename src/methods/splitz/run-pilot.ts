/** The pilot of `plan`: which cut and noise are tried, which of them is best, and what its certificates say of other settings. */

import { DEFAULT_BOUND } from '../../lipschitz/displacement-bounds.ts';
import { DEFAULT_DELTA } from '../../lipschitz/input-radius.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import { expectedGlobalRadius } from '../../statistics/expected-radius.ts';
import type { Context } from '../context.ts';
import {
  type Certificate,
  type Pilot,
  type PilotEstimate,
  type PilotImages,
  type PilotOutlook,
  type PilotRequest,
  type Subject,
  valuesOf,
} from '../method.ts';
import { resolveVotes } from '../smoothing/settings.ts';
import type { VoteEvidence } from '../smoothing/votes.ts';
import { askedOr, byDefault, numberFrom } from '../sourced.ts';
import { cutFor } from './cut-for.ts';
import { latentCentre, leftHalfBoundAt } from './left-half.ts';
import {
  bestOf,
  candidateCuts,
  correctness,
  expectedOf,
  type PilotPoint,
  type PilotSettings,
  reachOf,
  runPilot,
  shareAt,
} from './pilot.ts';
import { openBound, provenEverywhere } from './proofs/open-bound.ts';
import type { SplitzEvidence } from './schema.ts';
import { usableLatentRadius } from './usable-radius.ts';

/** Levels at the input where the model names none: those of the field, and between. */
const USUAL_LEVELS = [0.12, 0.25, 0.5, 0.75, 1];
/** Around the level a model was trained for. */
const FACTORS = [0.5, 0.7, 1, 1.4, 2];
const CUTS = 3;

export async function pilotSplitz(
  { asked, draws, cuts: named, levels: given, at, seed }: PilotRequest,
  subject: Subject,
  images: PilotImages,
  context: Context,
): Promise<Pilot> {
  const { classifier } = subject;
  const votes = resolveVotes(asked);
  const lipschitz = askedOr(asked, 'lipschitz', DEFAULT_BOUND).value;
  const settings: PilotSettings = { ...valuesOf(votes), n: draws, lipschitz, seed };
  const own = modelsCut(classifier);
  const cuts =
    named === undefined
      ? candidateCuts(classifier, own, CUTS)
      : [...new Set(named.map((name) => cutFor(classifier, name)))];
  const levels = given ?? (await levelsAround(classifier, own, settings, context));
  const points = await runPilot(subject, cuts, levels, images, settings, context);
  const n = votes.n.value;
  const estimated = (point: PilotPoint): PilotEstimate => {
    const { cut, sigma, inputSigma, lipschitz: bound } = point;
    const expected = expectedOf(point, n, settings);
    const { averageRadius, credited } = expected;
    return {
      ...{ cut: cut.name, sigma, inputSigma, lipschitz: bound },
      ...{ averageRadius, certified: shareAt(expected, 0), credited },
    };
  };
  const best = bestOf(points, n, settings, at);
  const atInput = points.filter(({ cut }) => cut.index === 0);
  return {
    grid: points.map(estimated),
    best: estimated(best),
    share: at === null ? 0 : shareAt(expectedOf(best, n, settings), at),
    bestAtInput: atInput.length === 0 ? null : estimated(bestOf(atInput, n, settings, at)),
    n: votes.n,
    drawsAt: (count) => count + votes.n0.value,
    chosen: { split: best.cut.name, sigma: best.sigma },
    withDraws: (series, count) => ('n' in series ? { ...series, n: byDefault(count) } : series),
    outlook: (certificates) => outlookOf(certificates, best, subject, images, { ...settings, n }, context),
  };
}

/** The cut the model's metadata name; null when they name none. */
function modelsCut(classifier: PreparedClassifier): Cut | null {
  const name = classifier.source.metadata.get('splitz.split');
  return name === undefined || name === 'auto' ? null : cutFor(classifier, name);
}

/** Noise levels at the input, ascending: around the one the model was trained for, where its metadata name one. */
async function levelsAround(
  classifier: PreparedClassifier,
  own: Cut | null,
  { lipschitz, seed }: PilotSettings,
  context: Context,
): Promise<readonly number[]> {
  const text = classifier.source.metadata.get('splitz.sigma');
  if (text === undefined) return USUAL_LEVELS;
  const sigma = numberFrom('model metadata splitz.sigma')(text);
  const bound =
    own === null || own.index === 0
      ? 1
      : (
          await provenEverywhere(
            leftHalfBoundAt(classifier, own, lipschitz, DEFAULT_DELTA),
            classifier,
            own,
            seed,
            context,
          )
        ).globalBound;
  const base = sigma / bound;
  return Number.isFinite(base) && base > 0
    ? FACTORS.map((factor) => Number((factor * base).toPrecision(2)))
    : USUAL_LEVELS;
}

/** @param settings with the number of draws planned */
async function outlookOf(
  certificates: readonly Certificate<object>[],
  best: PilotPoint,
  subject: Subject,
  images: PilotImages,
  settings: PilotSettings,
  context: Context,
): Promise<PilotOutlook> {
  const voted = certificates as readonly Certificate<VoteEvidence>[];
  const pilots = voted.map((certificate, k) => {
    const { counts, nonFinite, selected } = certificate.evidence;
    return {
      ...{ counts, nonFinite, selected, n: drawsOf(certificate.evidence), reach: reachOf(certificate) },
      correct: correctness(selected, images.labels[k] ?? null),
    };
  });
  const point: PilotPoint = { ...best, pilots };
  if (best.cut.index === 0) {
    return {
      averageRadius: (draws) => expectedOf(point, draws, settings).averageRadius,
      ...{ boundSeconds: 0, levers: [] },
    };
  }
  const boundSeconds = await timeBound(
    certificates as readonly Certificate<SplitzEvidence>[],
    best.cut,
    subject,
    images,
    settings,
    context,
  );
  const global = {
    name: '--lipschitz global',
    savedSeconds: boundSeconds,
    averageRadius: expectedOf(point, settings.n, settings, expectedGlobalRadius).averageRadius,
  };
  return {
    averageRadius: (draws) => expectedOf(point, draws, settings).averageRadius,
    boundSeconds,
    levers: settings.lipschitz === 'global' ? [] : [global],
  };
}

/** Mean seconds of evaluating and bounding the left half, over images of which some are certified. */
async function timeBound(
  certificates: readonly Certificate<SplitzEvidence>[],
  cut: Cut,
  { classifier }: Subject,
  { images }: PilotImages,
  { lipschitz, seed }: PilotSettings,
  context: Context,
): Promise<number> {
  const { left, prover } = await openBound(classifier, cut.name, lipschitz, seed, context);
  const started = performance.now();
  for (const [k, { prediction, evidence }] of certificates.entries()) {
    const image = images[k];
    if (image === undefined) throw new Error('one image per certificate');
    const { evaluation } = latentCentre(left, image.pixels);
    const usable = usableLatentRadius({ ...evidence, forwardErrorNearby: null });
    if (prediction !== null && usable > 0)
      await prover.inputRadius([evaluation, usable, seed, image.index], context);
  }
  return (performance.now() - started) / 1000 / Math.max(1, certificates.length);
}
