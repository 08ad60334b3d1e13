/** Plain randomized smoothing as a method: Cohen, Rosenfeld, Kolter 2019. */

import { type Asked, defineMethod, type WithOrigins } from '../method.ts';
import { COHEN } from '../references.ts';
import { byDefault, chosen, numberFrom } from '../sourced.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { certifierOf } from './certifier.ts';
import { headerFault, smoothingFault } from './check/check-certificate.ts';
import { batchDifferences, confirmTau } from './confirm.ts';
import { deriveSmoothing } from './derivation.ts';
import {
  inputCut,
  openPlain,
  type SmoothingChecks,
  type SmoothingFacts,
  type SmoothingSettings,
  smoothingChecks,
  smoothingFacts,
  smoothingSettings,
} from './open.ts';
import { DEFAULT_INPUT_SIGMA, resolveVotes, sigmaOf } from './settings.ts';
import { type VoteEvidence, voteEvidence } from './votes.ts';
import { ofVotes, voteFigures, whyNoVotes } from './words.ts';

export const smoothing = defineMethod<SmoothingSettings, VoteEvidence, SmoothingFacts>({
  name: 'smoothing',
  title: 'plain smoothing',
  summary: METHOD_SUMMARIES.smoothing,
  settings: smoothingSettings,
  facts: smoothingFacts,
  checks: smoothingChecks,
  evidence: voteEvidence,

  async resolve(asked, { classifier: { source } }) {
    return { settings: settle(asked, source.metadata) };
  },

  open: async (subject, settings, noise, probes, context) =>
    certifierOf(
      (await openPlain(subject, probes, context)).at({ ...settings, sigma: sigmaOf(settings.sigma) }, noise),
    ),

  headerFault: (series) => headerFault(series),
  fault: smoothingFault,
  differences: ({ checks }, { classifier }) => batchDifferences(checks as SmoothingChecks, classifier),
  confirm: (claims, series, { data }) =>
    confirmTau(claims, series.settings.sigma.value, async (index) =>
      Float64Array.from(await data.image(index)),
    ),
  derive: deriveSmoothing,
  describe: ({ settings }) => [
    `Plain randomized smoothing of the whole network: Gaussian noise of deviation σ = ${settings.sigma.value} is added to the image. The radius is R_u.`,
    ofVotes(settings),
  ],
  notes: ({ settings: { sigma } }, seed) => [
    `noise  plain smoothing, sigma ${sigma.value} (${sigma.origin === 'derived' ? 'sigma / Lipschitz bound of the left half' : sigma.origin}) at the input${seed === null ? '' : `, ${seed}`}`,
  ],
  whyNone: ({ evidence }) => whyNoVotes(evidence),
  votes: (evidence) => evidence,
  probability: ({ pA }) => pA,
  label: ({ sigma }, denoised) => `${denoised ? 'denoised' : 'plain'} smoothing σ=${sigma}`,
  tag: () => 'input',
  surrogate: ({ sigma }, { classifier }) => ({ cut: inputCut(classifier), sigma }),
  figures: voteFigures,
  references: [COHEN],
  recomputed: 'p_A from the counts, R_u from p_A, the radius from R_u',
  poll: ({ n, alpha }) => ({ draws: n, alpha }),
  preview: (asked, _beside, metadata) => ({ settings: settle(asked, metadata), beside: {} }),
});

/** Throws UsageError for settings that cannot certify anything. */
function settle(asked: Asked, metadata: ReadonlyMap<string, string>): WithOrigins<SmoothingSettings> {
  // The metadata give the noise at the cut they name, and may give another for the input.
  const key =
    (metadata.get('splitz.split') ?? 'input') === 'input' ? 'splitz.sigma' : 'splitz.baseline_sigma';
  const sigma =
    chosen(asked['sigma'], metadata, key, numberFrom(`model metadata ${key}`)) ??
    byDefault(DEFAULT_INPUT_SIGMA);
  sigmaOf(sigma.value);
  return { sigma, ...resolveVotes(asked) };
}
