/**
 * Lipschitz-aware randomized smoothing as a method: Delattre et al. 2025, with the certified radius in closed form. Scores instead of
 * votes, of a network whose Lipschitz constant is proved (docs/certificates.md, section 10).
 */
import { roundDown, roundUp } from '../../ground/decimal.ts';
import { findCut } from '../../onnx/cuts.ts';
import { type AbstentionReason, defineMethod, type FairComparison, type Reference } from '../method.ts';
import { COHEN } from '../references.ts';
import { batchDifferences } from '../smoothing/confirm.ts';
import { sigmaOf } from '../smoothing/settings.ts';
import { motionDoubt } from '../splitz/confirm/confirm.ts';
import { displacementCurve } from '../splitz/displacement-curve.ts';
import { PILOT_SEED, runBound } from '../splitz/left-half.ts';
import { atMatchedNoise, matchedNoise } from '../splitz/matched-noise.ts';
import { factsOf } from '../splitz/open.ts';
import { openBound } from '../splitz/proofs/open-bound.ts';
import { twinLevel } from '../splitz/resolve.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { lipschitzFault, lipschitzHeaderFault } from './check/check-certificate.ts';
import { confirmLipschitz } from './confirm.ts';
import { deriveLipschitz, inWords } from './derivation.ts';
import { openLipschitz } from './open.ts';
import { previewLipschitz, resolveLipschitz } from './resolve.ts';
import {
  checksSchema,
  evidenceSchema,
  factsSchema,
  type LipschitzChecks,
  type LipschitzEvidence,
  type LipschitzFacts,
  type LipschitzSettings,
  settingsSchema,
} from './schema.ts';

const DELATTRE: Reference = {
  text: 'B. Delattre, P. Caillon, Q. Barthélemy, E. Fagnou, A. Allauzen. Bridging the Theoretical Gap in Randomized Smoothing. AISTATS 2025.',
  url: 'https://arxiv.org/abs/2504.02412',
};
const LVM: Reference = {
  text: 'B. Delattre, A. Araujo, Q. Barthélemy, A. Allauzen. The Lipschitz-Variance-Margin Tradeoff for Enhanced Randomized Smoothing. ICLR 2024.',
  url: 'https://arxiv.org/abs/2309.16883',
};

export const lipschitzSmoothing = defineMethod<LipschitzSettings, LipschitzEvidence, LipschitzFacts>({
  name: 'lipschitz-smoothing',
  title: 'Lipschitz-aware smoothing',
  summary: METHOD_SUMMARIES['lipschitz-smoothing'],
  settings: settingsSchema,
  facts: factsSchema,
  checks: checksSchema,
  evidence: evidenceSchema,

  resolve: resolveLipschitz,
  open: openLipschitz,

  headerFault: lipschitzHeaderFault,
  fault: lipschitzFault,
  doubt: motionDoubt,
  differences({ settings, facts, checks }, { classifier }) {
    const then: Readonly<Record<string, unknown>> = { ...facts };
    return [
      ...Object.entries(factsOf(findCut(classifier.cuts, settings.split.value)))
        .map(([name, now]) => [name, JSON.stringify(then[name]), JSON.stringify(now)] as const)
        .filter(([, before, now]) => before !== now)
        .map(([name, before, now]) => `${name}: ${before} in the file, ${now} of this model`),
      ...batchDifferences(checks as LipschitzChecks, classifier),
    ];
  },
  confirm: confirmLipschitz,
  derive: deriveLipschitz,

  describe: ({ settings, facts, guarantee }) => [
    `Lipschitz-aware smoothing: Gaussian noise of deviation σ = ${settings.sigma.value} is added ${
      facts.index === 0
        ? 'to the image'
        : `to the latent at the cut '${settings.split.value}' (${facts.nodesLeft} nodes before, ${facts.nodesRight} behind)`
    }, and scores in [0,1] are averaged: ${inWords({ scores: settings.scores.value, temperature: settings.temperature.value })}. ${
      facts.scoreLipschitz === null
        ? 'Votes have no Lipschitz constant, so that R_u is that of plain smoothing.'
        : `Every score is at most ${roundUp(facts.scoreLipschitz, 4)}-Lipschitz (proved), so that its average falls no faster than that of a ramp, which gives R_u in closed form.`
    }${
      facts.index === 0
        ? ' The radius is R_u.'
        : ` D(r) is ${guarantee === 'certificate' ? 'a proven upper bound' : 'an estimate'} (${settings.lipschitz.value}) of how far the latent moves when the image moves by r in l2; the certified radius is the largest r found with D(r) ≤ R_u − η − η′.`
    }`,
    ...(facts.noGain === null ? [] : [`No gain over plain smoothing is to be expected: ${facts.noGain}.`]),
    `The class was selected by ${settings.n0.value} draws and its scores averaged over ${settings.n.value} fresh ones, the mean being bounded by betting or an empirical Bernstein bound, as the selection suggested.${
      settings.compared.value === 0
        ? ''
        : ` At ${settings.compared.value} of them the scores were computed in exact arithmetic as well, and what float32 may have added is taken off.`
    }`,
  ],
  notes({ settings: { split, sigma, scores, temperature }, facts }, seed) {
    const at = facts.index === 0 ? 'at the input' : `at the cut '${split.value}'`;
    const L = facts.scoreLipschitz;
    return [
      `noise  sigma ${sigma.value} (${sigma.origin}) ${at}${seed === null ? '' : `, ${seed}`}`,
      `scores ${scores.value}${temperature.value === null ? '' : ` at temperature ${temperature.value}`} (${scores.origin})${L === null ? '' : `, each at most ${roundUp(L, 3)}-Lipschitz: L sigma = ${roundUp(L * sigma.value, 3)}`}`,
      ...(facts.noGain === null
        ? []
        : [`gain   none over plain smoothing is to be expected: ${facts.noGain}`]),
    ];
  },
  fairness: ({ settings, facts }, median) =>
    facts.index === 0
      ? atSameNoise(settings.sigma.value)
      : median !== null && median > 0
        ? atMatchedNoise(settings.sigma.value / median)
        : null,
  whyNone: ({ evidence }) => whyNoRadius(evidence),
  leftHalf(evidence) {
    // Records of a file were judged by the schema of `evidence`.
    const e = evidence as LipschitzEvidence;
    if (e.forwardError === null) return null;
    const rounding = e.forwardError + (e.forwardErrorNearby ?? 0);
    return {
      ...{ latentRadius: e.latentRadius, usable: e.latentRadius - rounding, displacement: e.displacement },
      ...{ rounding, localLipschitz: e.localLipschitz },
    };
  },
  label: ({ sigma }, denoised) => `${denoised ? 'denoised ' : ''}Lipschitz-aware σ=${sigma}`,
  tag: ({ split }) => `${split}-scores`,

  async twin({ split, sigma, n0, n, alpha, lipschitz }, beside, { classifier }, context) {
    const asked = twinLevel(beside, classifier.source.metadata);
    const opened = () => openBound(classifier, split.value, lipschitz.value, PILOT_SEED, context);
    const matched =
      split.value === 'input'
        ? ((beside['sigma'] as typeof asked | undefined) ?? sigma)
        : (asked ?? matchedNoise(sigma, split.value, (await opened()).globalBound));
    sigmaOf(matched.value, '--baseline-sigma');
    return { method: 'smoothing', asked: { sigma: matched, n0, n, alpha } };
  },

  curve({ index, pixels }, radius, { settings, facts }, { classifier }, seed) {
    if (facts.index === 0) return null;
    const { left } = runBound(classifier, settings.split.value, settings.lipschitz.value, seed);
    return displacementCurve(left, pixels, radius, seed, index);
  },
  surrogate: ({ split, sigma }, { classifier }) => ({ cut: findCut(classifier.cuts, split), sigma }),
  figures: ({ selected, pA, latentRadius, plainRadius, publishedRadius }) => [
    ['selected', selected === null ? '–' : String(selected)],
    ['p_A', roundDown(pA, 5)],
    ['R_u', roundDown(latentRadius, 4)],
    ['published approximation', roundDown(publishedRadius, 4)],
    ['without L', roundDown(plainRadius, 4)],
  ],
  references: [DELATTRE, LVM, COHEN],
  recomputed: 'p_A from the sums of scores, R_u from p_A and L, the radius from R_u',
  poll: ({ n, alpha }) => ({ draws: n, alpha }),
  preview: previewLipschitz,
});

const atSameNoise = (sigma: number): FairComparison => ({
  text: `The fair comparison is plain smoothing at the same noise, σ = ${sigma}: what is gained over it is what the Lipschitz constant gives.`,
  advice: (alongside) =>
    alongside.some(({ method }) => method === 'smoothing')
      ? 'It answers by votes, and is another classifier for that; votes need no comparison with exact arithmetic, which costs scores a little.'
      : `No plain smoothing was run alongside; certify the network with --method smoothing --sigma ${sigma} and give both result files to the report.`,
  matches: ({ method, settings }) =>
    method === 'smoothing' &&
    (settings as { readonly sigma: { readonly value: number } }).sigma.value === sigma,
});

/** Why scores gave no radius. */
function whyNoRadius({ selected, latentRadius, own, deviation }: LipschitzEvidence): AbstentionReason {
  if (latentRadius > 0)
    return {
      reason:
        'certified to be the class of the image itself, but the radius is 0: what the scores allow is used up by rounding errors, or the left half has no finite bound here',
      remedy: 'Use another cut, or more draws (--n).',
    };
  if (selected === null)
    return {
      reason: 'no draw of the selection had finite logits, so that no class was selected',
      remedy: 'Look at the model and its preprocessing: `splitz-onnx inspect MODEL --data DATA`.',
    };
  const total = own.reduce((sum, w) => sum + w, 0);
  return own.reduce((sum, w, k) => sum + w * k, 0) > 32 * total
    ? {
        reason: `the selected class has a mean score of more than a half, but chance and float32 explain it (of which float32 ${roundUp(deviation, 4)})`,
        remedy: 'Use more draws (--n, --compared).',
      }
    : {
        reason:
          'the selected class has a mean score of a half or less: the scores do not single out a class here',
        remedy: 'Use less noise, or a lower --temperature; more draws will hardly help.',
      };
}
