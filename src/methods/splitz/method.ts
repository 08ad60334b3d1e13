/** SPLITZ as a method: Zhong & Tandon 2024. */

import { roundUp } from '../../ground/decimal.ts';
import { UsageError } from '../../ground/errors.ts';
import { isOrthogonalEncoder } from '../../lipschitz/orthogonal-encoder.ts';
import { findCut } from '../../onnx/cuts.ts';
import type { Sourced } from '../../records/record.ts';
import { defineMethod, type Reference } from '../method.ts';
import { COHEN } from '../references.ts';
import { certifierOf } from '../smoothing/certifier.ts';
import { batchDifferences } from '../smoothing/confirm.ts';
import { shortened, sigmaOf } from '../smoothing/settings.ts';
import { ofVotes, voteFigures, whyNoVotes } from '../smoothing/words.ts';
import { derived } from '../sourced.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { splitzFault, splitzHeaderFault } from './check/check-certificate.ts';
import { confirmSplitz, motionDoubt } from './confirm/confirm.ts';
import { deriveSplitz } from './derivation.ts';
import { displacementCurve } from './displacement-curve.ts';
import { leftHalfBoundAt, PILOT_SEED, runBound } from './left-half.ts';
import { atMatchedNoise } from './matched-noise.ts';
import { factsOf, openSplit } from './open.ts';
import { previewSplitz, resolveSplitz, twinLevel } from './resolve.ts';
import { pilotSplitz } from './run-pilot.ts';
import {
  type SplitzChecks,
  type SplitzEvidence,
  type SplitzFacts,
  type SplitzSettings,
  splitzChecks,
  splitzEvidence,
  splitzFacts,
  splitzSettings,
} from './schema.ts';
import { usableLatentRadius } from './usable-radius.ts';

const ZHONG_TANDON: Reference = {
  text: 'M. Zhong, R. Tandon. SPLITZ: Certifiable Robustness via Split Lipschitz Randomized Smoothing. 2024.',
  url: 'https://arxiv.org/abs/2407.02811',
};
const HUANG: Reference = {
  text: 'Y. Huang et al. Training Certifiably Robust Neural Networks with Efficient Local Lipschitz Bounds. NeurIPS 2021.',
  url: 'https://arxiv.org/abs/2111.01395',
};

export const splitz = defineMethod<SplitzSettings, SplitzEvidence, SplitzFacts>({
  name: 'splitz',
  title: 'SPLITZ',
  summary: METHOD_SUMMARIES.splitz,
  settings: splitzSettings,
  facts: splitzFacts,
  checks: splitzChecks,
  evidence: splitzEvidence,

  resolve: resolveSplitz,

  async open(subject, settings, noise, probes, context) {
    const { split, lipschitz } = settings;
    const { cut, left, globalBound } = runBound(subject.classifier, split, lipschitz, noise.seed);
    const ready = await openSplit(subject, cut, left, globalBound, probes, context);
    try {
      return certifierOf(ready.at({ ...settings, sigma: sigmaOf(settings.sigma) }, noise));
    } catch (error) {
      await ready.close();
      throw error;
    }
  },

  headerFault: splitzHeaderFault,
  fault: splitzFault,
  doubt: motionDoubt,
  differences({ settings, facts, checks }, { classifier }) {
    const cut = findCut(classifier.cuts, settings.split.value);
    const { noise: _, ...then } = facts;
    const left = leftHalfBoundAt(classifier, cut, settings.lipschitz.value);
    const compared: [name: string, then: unknown, now: unknown][] = [
      ...Object.entries(factsOf(cut)).map(
        ([name, now]) =>
          [name, (then as Readonly<Record<string, unknown>>)[name], now] as [string, unknown, unknown],
      ),
      ['delta', settings.delta.value, left.failureProbability],
    ];
    return [
      ...compared
        .map(([name, before, now]) => [name, JSON.stringify(before), JSON.stringify(now)] as const)
        .filter(([, before, now]) => before !== now)
        .map(([name, before, now]) => `${name}: ${before} in the file, ${now} of this model`),
      ...batchDifferences(checks as SplitzChecks, classifier),
    ];
  },
  confirm: confirmSplitz,
  derive: deriveSplitz,

  describe: ({ settings, facts, guarantee, checks }) => [
    `SPLITZ: the network is cut at '${settings.split.value}' (${facts.nodesLeft} nodes before, ${facts.nodesRight} behind). Gaussian noise of deviation σ = ${settings.sigma.value} is added to the latent there, and the half behind it is smoothed. D(r) is ${
      guarantee === 'certificate' ? 'a proven upper bound' : 'an estimate'
    } (${settings.lipschitz.value}) of how far the latent moves when the image moves by r in l2; the certified radius is the largest r found with D(r) ≤ R_u − η − η′, where η bounds the rounding error of the latent at the image and η′ at every image within r.`,
    ...(guarantee === 'certificate' && isOrthogonalEncoder((checks as SplitzChecks).globalLipschitz)
      ? [
          'The left half is an orthogonal encoder: it is proven to be 1-Lipschitz within 10⁻⁶, so that a radius at the cut is one at the image, and noise at the cut counts as noise of the same deviation at the image (latent-space smoothing).',
        ]
      : []),
    ofVotes(settings),
  ],
  notes({ settings: { split, sigma }, facts, checks }, seed) {
    const { globalLipschitz: bound } = checks as SplitzChecks;
    const reach =
      bound === null
        ? 'left half bounded on balls only, no Lipschitz constant on all of space'
        : isOrthogonalEncoder(bound)
          ? 'left half an orthogonal encoder, 1-Lipschitz within 1e-6'
          : `left half at most ${roundUp(bound, 3)}-Lipschitz`;
    return [
      `split  '${split.value}' [${['N', ...facts.latentShape].join(',')}], ${facts.nodesLeft} nodes left, ${facts.nodesRight} right (${split.origin})`,
      `noise  sigma ${sigma.value} (${sigma.origin === 'derived' && bound !== null ? `${inputLevel(sigma, bound)} × Lipschitz bound of the left half` : sigma.origin})${seed === null ? '' : `, ${seed}`}; ${reach}`,
    ];
  },
  fairness: ({ settings }, median) =>
    median !== null && median > 0 ? atMatchedNoise(settings.sigma.value / median) : null,
  whyNone: ({ evidence }) => whyNoVotes(evidence),
  votes: (evidence) => evidence,
  leftHalf(evidence) {
    // Records of a file were judged by the schema of `evidence`.
    const e = evidence as SplitzEvidence;
    return {
      latentRadius: e.latentRadius,
      usable: usableLatentRadius(e),
      displacement: e.displacement,
      rounding: e.forwardError === null ? null : e.forwardError + (e.forwardErrorNearby ?? 0),
      localLipschitz: e.localLipschitz,
    };
  },
  label: ({ sigma }) => `SPLITZ σ=${sigma}`,
  tag: ({ split }) => split,

  async twin(settings, beside, { classifier }) {
    const { split, lipschitz } = settings;
    const sigma =
      twinLevel(beside, classifier.source.metadata) ??
      matchedNoise(
        settings.sigma,
        split.value,
        () => runBound(classifier, split.value, lipschitz.value, PILOT_SEED).globalBound,
      );
    sigmaOf(sigma.value, '--baseline-sigma');
    const { n0, n, alpha, bound } = settings;
    return { method: 'smoothing', asked: { sigma, n0, n, alpha, bound } };
  },

  curve({ index, pixels }, radius, { settings }, { classifier }, seed) {
    const { split, lipschitz } = settings;
    const { left } = runBound(classifier, split.value, lipschitz.value, seed);
    return displacementCurve(left, pixels, radius, seed, index);
  },

  surrogate: ({ split, sigma }, { classifier }) => ({ cut: findCut(classifier.cuts, split), sigma }),
  figures: (evidence) => [
    ...voteFigures(evidence),
    ['D(r)/r', evidence.localLipschitz === null ? '–' : roundUp(evidence.localLipschitz, 4)],
  ],
  references: [ZHONG_TANDON, COHEN, HUANG],
  recomputed: 'p_A from the counts, R_u from p_A, the radius from R_u and D',
  poll: ({ n, alpha }) => ({ draws: n, alpha }),
  preview: previewSplitz,
  pilot: pilotSplitz,
});

/**
 * The noise at the input that noise behind a left half of Lipschitz constant `lipschitz` is matched to. A derived level was
 * rounded to four digits when it was multiplied: within that, the shorter level is what it was derived from.
 */
function inputLevel(sigma: Sourced<number>, lipschitz: number): number {
  const matched = shortened(sigma.value / lipschitz);
  const shorter = Number(matched.toPrecision(3));
  return sigma.origin === 'derived' && Math.abs(shorter - matched) <= 5e-4 * matched ? shorter : matched;
}

/** σ/L: for a linear left half plain smoothing at this noise can never be beaten (data processing). */
function matchedNoise(sigma: Sourced<number>, cut: string, lipschitz: () => number): Sourced<number> {
  const matched = inputLevel(sigma, lipschitz());
  if (matched > 0) return derived(matched);
  throw new UsageError({
    what: `plain smoothing alongside the cut '${cut}' needs a --baseline-sigma`,
    why: 'the default is sigma divided by the Lipschitz constant of the left half, and only balls around images have a bound here',
    remedy: 'Write --baseline-sigma 0.25, for instance, or --no-baseline.',
  });
}
