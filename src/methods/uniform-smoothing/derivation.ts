/** A certificate of uniform noise as a worked derivation. */
import type { RunHeader } from '../../records/record.ts';
import {
  type Certificate,
  type DerivationStep,
  type MethodDerivation,
  type Series,
  valuesOf,
} from '../method.ts';
import { down, type NoiseWords, shapeText, up, type VoteFacts, voteSteps } from '../smoothing/derivation.ts';
import type { SmoothingFacts } from '../smoothing/open.ts';
import type { VoteEvidence } from '../smoothing/votes.ts';
import type { UniformSettings } from './schema.ts';

export function deriveUniform(
  { prediction, radius, evidence }: Certificate<VoteEvidence>,
  { settings }: Series<UniformSettings, SmoothingFacts>,
  { data }: RunHeader,
): MethodDerivation {
  const values = { ...valuesOf<UniformSettings>(settings), sigma: settings.lambda.value };
  const facts = { prediction, evidence, settings: values, centre: 'x', network: 'f', where: 'at the input' };
  const last: DerivationStep = {
    title: 'Down to what is reported',
    formula: 'r = R_u, rounded down',
    numbers: `r = ${down(radius)}`,
    meaning: 'Noise is added at the input itself: the radius needs no translation.',
  };
  const steps = voteSteps(facts, UNIFORM_WORDS);
  return {
    steps: prediction === null ? steps : [...steps, last],
    classifier: 'the smoothed classifier',
    chance: 'over the draws',
    symbols: [
      ['x', `the image, pixels in [0,1], ${shapeText(data.shape)}`],
      ['f', 'the network'],
      ['λ', 'half-width of the noise, added to x'],
      ['U', 'noise that is uniform on [−λ, λ] in every pixel, all of them independent'],
      ['α', 'probability with which the votes may mislead'],
      ['τ', 'bound on the total variation between the noise drawn and ideal noise'],
    ],
  };
}

const UNIFORM_WORDS: NoiseWords = { symbol: 'λ', flag: '--lambda', noise: 'U', radius: step };

function step({ evidence: { pA, pB, latentRadius, selected } }: VoteFacts): DerivationStep {
  return {
    title: 'The l1 radius at the input',
    formula: pB === null ? 'R_u = 2λ · (p_A − 1/2)' : 'R_u = λ · (p_A − p_B)',
    numbers:
      pB === null
        ? `p_A − 1/2 ≥ ${down(pA - 0.5)},   R_u ≥ ${down(latentRadius)}`
        : `p_A ≥ ${down(pA)}, p_B ≤ ${up(pB)},   R_u ≥ ${down(latentRadius)}`,
    meaning: `Moving x by t in l1 moves the cube that the noise fills: two such cubes differ in at most t / 2λ of their volume, so no probability changes by more, and class ${selected} keeps most of the votes.`,
  };
}
