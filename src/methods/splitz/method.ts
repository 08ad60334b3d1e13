/** SPLITZ as a method: Zhong & Tandon 2024. */

import { roundUp } from '../../ground/decimal.ts';
import { isOrthogonalEncoder } from '../../lipschitz/orthogonal-encoder.ts';
import { findCut } from '../../onnx/cuts.ts';
import { defineMethod, type Reference } from '../method.ts';
import { COHEN } from '../references.ts';
import { certifierOf } from '../smoothing/certifier.ts';
import { batchDifferences } from '../smoothing/confirm.ts';
import { sigmaOf } from '../smoothing/settings.ts';
import { ofVotes, voteFigures, whyNoVotes } from '../smoothing/words.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { splitzFault, splitzHeaderFault } from './check/check-certificate.ts';
import { confirmSplitz, motionDoubt } from './confirm/confirm.ts';
import { deriveSplitz } from './derivation.ts';
import { displacementCurve } from './displacement-curve.ts';
import { leftHalfBoundAt, PILOT_SEED, runBound } from './left-half.ts';
import { atMatchedNoise, inputLevel, matchedNoise } from './matched-noise.ts';
import { factsOf, openSplit } from './open.ts';
import { beginBound, openBound } from './proofs/open-bound.ts';
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
    const { classifier } = subject;
    const { cut, left, globalBound } = beginBound(classifier, split, lipschitz, noise.seed, context);
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
  probability: ({ pA }) => pA,
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
  label: ({ sigma }, denoised) => `${denoised ? 'denoised ' : ''}SPLITZ σ=${sigma}`,
  tag: ({ split }) => split,

  async twin(settings, beside, { classifier }, context) {
    const { split, lipschitz } = settings;
    const opened = () => openBound(classifier, split.value, lipschitz.value, PILOT_SEED, context);
    const sigma =
      twinLevel(beside, classifier.source.metadata) ??
      matchedNoise(settings.sigma, split.value, (await opened()).globalBound);
    sigmaOf(sigma.value, '--baseline-sigma');
    const { n0, n, alpha, bound, until } = settings;
    return { method: 'smoothing', asked: { sigma, n0, n, alpha, bound, until } };
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
