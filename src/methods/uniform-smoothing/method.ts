/**
 * Randomized smoothing with uniform noise on the image, whose radii are in l1 (Lee et al. 2019; Yang et al. 2020). Noise at a cut is
 * refused: from latent to input leads a bound on displacements in l1, and those of the left half are in l2.
 */
import { defineMethod, type Reference, type Series } from '../method.ts';
import { certifierOf } from '../smoothing/certifier.ts';
import { inputFault, settingsFault } from '../smoothing/check/check-certificate.ts';
import { ruleFault } from '../smoothing/check/check-stopping.ts';
import { batchDifferences, confirmTau } from '../smoothing/confirm.ts';
import {
  inputCut,
  openPlain,
  type SmoothingChecks,
  type SmoothingFacts,
  smoothingChecks,
  smoothingFacts,
} from '../smoothing/open.ts';
import type { VoteEvidence } from '../smoothing/votes.ts';
import { ofVotes, voteFigures, whyNoVotes } from '../smoothing/words.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { deriveUniform } from './derivation.ts';
import { UNIFORM, UNIFORM_CHECK } from './law.ts';
import { lambdaOf, settleUniform, type UniformSettings, uniformEvidence, uniformSettings } from './schema.ts';

const LEE: Reference = {
  text: 'G.-H. Lee, Y. Yuan, S. Chang, T. Jaakkola. Tight Certificates of Adversarial Robustness for Randomly Smoothed Classifiers. NeurIPS 2019.',
  url: 'https://arxiv.org/abs/1906.04948',
};
const YANG: Reference = {
  text: 'G. Yang, T. Duan, J. E. Hu, H. Salman, I. Razenshteyn, J. Li. Randomized Smoothing of All Shapes and Sizes. ICML 2020.',
  url: 'https://arxiv.org/abs/2002.08118',
};

const FOREIGN: Readonly<Record<string, { readonly why: string; readonly remedy: string }>> = {
  split: {
    why: 'uniform noise is certified at the input alone: its radii are in l1, and how far a left half moves is bounded in l2',
    remedy: 'Omit --split: the noise is added to the image.',
  },
  sigma: {
    why: 'uniform noise has a half-width, not a deviation (which is λ/√3)',
    remedy: 'Give --lambda instead.',
  },
};

/** What checks votes calls the scale of the noise sigma. */
const scaled = ({ lambda, ...settings }: Series<UniformSettings, SmoothingFacts>['settings']) => ({
  ...settings,
  sigma: lambda,
});

export const uniformSmoothing = defineMethod<UniformSettings, VoteEvidence, SmoothingFacts>({
  name: 'uniform-smoothing',
  title: 'uniform smoothing',
  summary: METHOD_SUMMARIES['uniform-smoothing'],
  norm: 'l1',
  settings: uniformSettings,
  facts: smoothingFacts,
  checks: smoothingChecks,
  evidence: uniformEvidence,

  resolve: async (asked) => ({ settings: settleUniform(asked) }),
  open: async (subject, settings, noise, probes, context) =>
    certifierOf(
      (await openPlain(subject, probes, context, UNIFORM)).at(
        { ...settings, sigma: lambdaOf(settings.lambda) },
        noise,
      ),
    ),
  foreign: (setting) => FOREIGN[setting] ?? null,

  headerFault({ settings, facts, checks, guarantee }) {
    if (guarantee !== 'certificate') return `guarantee is "${guarantee}", but nothing is estimated`;
    return (
      settingsFault(scaled(settings), facts.noise, checks as SmoothingChecks, UNIFORM_CHECK) ??
      ruleFault(settings)
    );
  },
  fault: (certificate, { settings }, header) =>
    inputFault(certificate, scaled(settings), header, UNIFORM_CHECK),
  differences: ({ checks }, { classifier }) => batchDifferences(checks as SmoothingChecks, classifier),
  confirm: (claims, { settings }, { data }) =>
    confirmTau(
      claims,
      settings.lambda.value,
      async (index) => Float64Array.from(await data.image(index)),
      UNIFORM,
    ),
  derive: deriveUniform,
  describe: ({ settings }) => [
    `Randomized smoothing of the whole network with uniform noise: to every pixel is added what is uniform on [−λ, λ], λ = ${settings.lambda.value}. The radius is R_u, in l1: the sum of the changes of all pixels.`,
    ofVotes(settings, { alone: '2λ (p_A − 1/2)', both: 'λ (p_A − p_B)' }),
  ],
  notes: ({ settings: { lambda } }, seed) => [
    `noise  uniform smoothing, lambda ${lambda.value} (${lambda.origin}) at the input, radii in l1${seed === null ? '' : `, ${seed}`}`,
  ],
  whyNone: ({ evidence }) => whyNoVotes(evidence),
  votes: (evidence) => evidence,
  probability: ({ pA }) => pA,
  label: ({ lambda }, denoised) => `${denoised ? 'denoised ' : ''}uniform smoothing λ=${lambda}`,
  tag: () => 'uniform',
  figures: voteFigures,
  references: [LEE, YANG],
  recomputed: 'p_A from the counts, R_u from p_A, the radius from R_u',
  poll: ({ n, alpha }) => ({ draws: n, alpha }),
  // Searches draw Gaussian noise; what counts is confirmed with this method's own.
  surrogate: ({ lambda }, { classifier }) => ({ cut: inputCut(classifier), sigma: lambda / Math.sqrt(3) }),
  preview: (asked) => ({ settings: settleUniform(asked), beside: {} }),
});
