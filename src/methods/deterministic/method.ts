/**
 * A deterministic certificate as a method: the whole network is bounded and nothing is sampled (GloRo, Leino et al. 2021;
 * docs/certificates.md, section 8). It is about the network itself, in exact arithmetic, and not about a smoothed classifier.
 */

import { roundDown, roundUp } from '../../ground/decimal.ts';
import { DEFAULT_BOUND } from '../../lipschitz/displacement-bounds.ts';
import { defineMethod } from '../method.ts';
import { askedOr } from '../sourced.ts';
import { METHOD_SUMMARIES } from '../summaries.ts';
import { usableLead } from './certificate.ts';
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
    const lipschitz = askedOr(asked, 'lipschitz', DEFAULT_BOUND);
    boundedNetwork(classifier, lipschitz.value);
    return { settings: { lipschitz } };
  },
  open: openDeterministic,

  headerFault: deterministicHeaderFault,
  fault: deterministicFault,
  differences({ settings, facts }, { classifier }) {
    const { length } = boundedNetwork(classifier, settings.lipschitz.value).whole.steps;
    return length === facts.nonlinearities
      ? []
      : [`nonlinear steps: ${facts.nonlinearities} in the file, ${length} of this model`];
  },
  confirm: confirmMargins,

  derive({ prediction, radius, evidence }, { settings, facts }, { data }) {
    const { scores, scoreError, moved, rounding } = evidence;
    const error = scoreError ?? Number.POSITIVE_INFINITY;
    const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    const [first = 0, second = 0] = order;
    const lead = (i: number): number => usableLead(scores, error, prediction ?? 0, i);
    const slack = (i: number): number => (moved[i] ?? 0) / lead(i);
    const nearest = order.filter((i) => i !== prediction).sort((a, b) => slack(b) - slack(a))[0];
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
      ['y', `the scores, ${facts.nonlinearities} nonlinear steps behind the image`],
      ['M_i(r)', `bound on how far y_j − y_i moves for ‖x′ − x‖ ≤ r (${settings.lipschitz.value})`],
      [
        'η, η′',
        'bounds on the error of the scores: of rounding and of ONNX Runtime at x, of rounding for any ‖x′ − x‖ ≤ r',
      ],
    ] as const;
    const steps =
      prediction === null || nearest === undefined || radius === 0
        ? [margin]
        : [
            margin,
            {
              title: 'How far the scores may move',
              formula: 'M_i(r) + √2 η′ ≤ y_j − y_i − √2 η for every class i ≠ j',
              numbers: `class ${nearest} comes nearest:  ${roundUp((moved[nearest] ?? 0) + Math.SQRT2 * (rounding ?? 0), 6)} ≤ ${roundDown(lead(nearest), 6)}`,
              meaning: 'As long as no difference moves by more, no score overtakes that of the class.',
            },
            {
              title: 'Back to the image',
              formula: 'r = the largest radius found for which that holds, rounded down',
              numbers: `r = ${roundDown(radius, 6)}`,
              meaning:
                'M_i(r) bounds how far the difference to class i moves while the image moves by at most r.',
            },
          ];
    return { steps, classifier: 'the network', chance: 'over nothing: no draw is made', symbols };
  },

  describe: ({ settings, guarantee }) => [
    `A Lipschitz margin: nothing is sampled, and nothing holds with a probability only. M_i(r) is ${
      guarantee === 'certificate' ? 'a proven upper bound' : 'an estimate'
    } (${settings.lipschitz.value}) of how far the difference of the scores y_j − y_i moves when the image moves by r in l2; the rows of the last layer are subtracted before a norm is taken. The certified radius is the largest r found with M_i(r) + √2 η′ ≤ y_j − y_i − √2 η for every other class i. It is a statement about the network itself in exact arithmetic, whose answer at the image is that of ONNX Runtime; what float32 makes of an image at the border of the ball is not covered.`,
  ],
  whyNone: ({ prediction }) =>
    prediction === null
      ? {
          reason:
            'the largest scores are equal within rounding, or not finite, or ONNX Runtime answers another class',
          remedy: 'Look at the model and its preprocessing: `splitz-onnx inspect MODEL --data DATA`.',
        }
      : {
          reason: 'no ball around the image has a bound that keeps the answer',
          remedy: 'Use --method splitz or --method smoothing; the bound of many layers is loose.',
        },
  notes: ({ settings: { lipschitz }, facts }) => [
    `margin of the scores over a ${lipschitz.value} bound of ${facts.nonlinearities} nonlinear steps (${lipschitz.origin}), in float64; nothing is sampled`,
  ],
  label: () => 'Lipschitz margin',
  recomputed: 'class and radius from the scores and how far they move',
});
