/**
 * A deterministic certificate as a method: the whole network is bounded and nothing is sampled (GloRo, Leino et al. 2021;
 * docs/certificates.md, section 8). It is about the network itself, in exact arithmetic, and not about a smoothed classifier.
 */
import { roundDown, roundUp } from '../../ground/decimal.ts';
import { DEFAULT_DELTA } from '../../lipschitz/input-radius.ts';
import { defineMethod } from '../method.ts';
import { askedOr, byDefault, derived, refuseDerived } from '../sourced.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { allowedMovement } from './certificate.ts';
import { deterministicFault, deterministicHeaderFault } from './check.ts';
import { confirmMargins } from './confirm.ts';
import { boundedNetwork } from './network.ts';
import { openDeterministic } from './open.ts';
import {
  type DeterministicEvidence,
  type DeterministicFacts,
  type DeterministicSettings,
  deterministicChecks,
  deterministicEvidence,
  deterministicFacts,
  deterministicSettings,
} from './schema.ts';

export const deterministic = defineMethod<DeterministicSettings, DeterministicEvidence, DeterministicFacts>({
  name: 'deterministic',
  title: 'Lipschitz margin',
  summary: METHOD_SUMMARIES.deterministic,
  settings: deterministicSettings,
  facts: deterministicFacts,
  checks: deterministicChecks,
  evidence: deterministicEvidence,

  async resolve(asked, { classifier }) {
    refuseDerived(asked, 'delta', 'the norms of the network');
    const lipschitz = askedOr<DeterministicSettings['lipschitz']>(asked, 'lipschitz', 'secant');
    const { failureProbability } = boundedNetwork(classifier, lipschitz.value).features;
    const delta =
      failureProbability === DEFAULT_DELTA ? byDefault(DEFAULT_DELTA) : derived(failureProbability);
    return { settings: { lipschitz, delta } };
  },
  open: openDeterministic,

  headerFault: deterministicHeaderFault,
  fault: deterministicFault,
  differences({ settings, facts }, { classifier }) {
    const { features } = boundedNetwork(classifier, settings.lipschitz.value);
    const size = features.half.output.size;
    return size === facts.features ? [] : [`features: ${facts.features} in the file, ${size} of this model`];
  },
  confirm: confirmMargins,

  derive({ prediction, radius, evidence }, { settings, facts }, { data }) {
    const { scores, scoreError, norms, displacement } = evidence;
    const error = scoreError ?? Number.POSITIVE_INFINITY;
    const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    const [first = 0, second = 0] = order;
    const nearest = order.filter((i) => i !== prediction).sort((a, b) => allowedOf(a) - allowedOf(b))[0];
    function allowedOf(i: number): number {
      return allowedMovement(
        scores,
        error,
        prediction ?? 0,
        norms.map((norm, k) => (k === i ? norm : 0)),
      );
    }
    const margin = {
      title: 'Compare the scores',
      formula: 'y_j − y_i − √2 η for every class i ≠ j',
      numbers:
        scores.length === 0
          ? 'a score is not finite'
          : `y_${first} ≥ ${roundDown(scores[first] ?? 0, 6)}, next y_${second} ≤ ${roundUp(scores[second] ?? 0, 6)}   (η ≤ ${error.toExponential(2)})`,
      meaning:
        prediction === null
          ? 'The largest two scores are equal within rounding: no class is answered.'
          : `Class ${prediction} has the largest score. Nothing is drawn.`,
    };
    const symbols = [
      ['x', `the image, pixels in [0,1], ${data.shape.join('×')}`],
      ['h', `the ${facts.features} features that the scores y = W h + c are an affine function of`],
      ['w_i', 'row i of W'],
      ['D(r)', `bound on ‖h(x′) − h(x)‖ for ‖x′ − x‖ ≤ r (${settings.lipschitz.value})`],
      ['η, η′', 'bounds on the rounding error of the scores at x, and of the features for any ‖x′ − x‖ ≤ r'],
    ] as const;
    const steps =
      prediction === null || nearest === undefined
        ? [margin]
        : [
            margin,
            {
              title: 'How far the features may move',
              formula: 'min over i of (y_j − y_i − √2 η) / ‖w_j − w_i‖',
              numbers: `${roundDown(Math.min(1e6, allowedOf(nearest)), 6)}   (class ${nearest}, ‖w_j − w_i‖ ≤ ${roundUp(norms[nearest] ?? 0, 6)})`,
              meaning: 'As long as the features move by no more, no score overtakes that of the class.',
            },
            {
              title: 'Back to the image',
              formula: 'r = the largest radius found with D(r) + η′ within that, rounded down',
              numbers: `r = ${roundDown(radius, 6)}:  D(r) ≤ ${roundUp(displacement ?? 0, 6)}`,
              meaning: 'D(r) bounds how far the features move while the image moves by at most r.',
            },
          ];
    return { steps, classifier: 'the network', chance: 'over the probes of its norms', symbols };
  },

  describe: ({ settings, facts, guarantee }) => [
    `A Lipschitz margin: nothing is sampled. The scores are an affine function y = W h + c of ${facts.features} features, and D(r) is ${
      guarantee === 'certificate' ? 'a proven upper bound' : 'an estimate'
    } (${settings.lipschitz.value}) of how far these move when the image moves by r in l2. The certified radius is the largest r found with ‖w_j − w_i‖ (D(r) + η′) ≤ y_j − y_i − √2 η for every other class i. It is a statement about the network itself in exact arithmetic; what float32 makes of an image at the border of the ball is not covered.`,
  ],
  whyNone: ({ prediction }) =>
    prediction === null
      ? {
          reason: 'the largest scores are equal within rounding, or not finite',
          remedy: 'Look at the model and its preprocessing: `splitz-onnx inspect MODEL --data DATA`.',
        }
      : {
          reason: 'no ball around the image has a bound that keeps the answer',
          remedy: 'Use --method splitz or --method smoothing; the bound of many layers is loose.',
        },
  notes: ({ settings: { lipschitz, delta }, facts }) => [
    `margin of the scores over a ${lipschitz.value} bound of ${facts.features} features (${lipschitz.origin}); nothing is sampled${delta.value === 0 ? '' : `, norms fail with probability ${delta.value} at most`}`,
  ],
  label: () => 'Lipschitz margin',
  recomputed: 'class and radius from the scores, the norms and D',
});
