/** SPLITZ as a worked derivation (docs/certificates.md, sections 2, 3 and 5): votes, then the way back through the left half. */
import type { RunHeader } from '../../records/record.ts';
import type { Certificate, DerivationStep, MethodDerivation, Series } from '../method.ts';
import { valuesOf } from '../method.ts';
import { down, shapeText, small, up, voteSteps, voteSymbols } from '../smoothing/derivation.ts';
import type { WayBack } from './check/check-certificate.ts';
import type { SplitzEvidence, SplitzFacts, SplitzSettings } from './schema.ts';
import { usableLatentRadius } from './usable-radius.ts';

export function deriveSplitz(
  { prediction, radius, evidence }: Certificate<SplitzEvidence>,
  { settings: sourced, facts, guarantee }: Series<SplitzSettings, SplitzFacts>,
  { data }: RunHeader,
): MethodDerivation {
  const settings = valuesOf<SplitzSettings>(sourced);
  const steps = voteSteps({
    ...{ prediction, evidence, settings, centre: 'u', network: 'f_R', where: 'at the cut' },
  });
  return {
    steps: prediction === null ? steps : [...steps, ...backThrough(radius, evidence, settings.lipschitz)],
    classifier: 'the smoothed classifier',
    chance: guarantee === 'certificate' ? 'over the draws' : 'not known',
    symbols: [
      ['x', `the image, pixels in [0,1], ${shapeText(data.shape)}`],
      ['f_L, f_R', `the network before and behind the cut '${settings.split}'`],
      ['u', `f_L(x), ${shapeText(facts.latentShape)}`],
      ...voteSymbols('u'),
      ['η, η′', 'bounds on the rounding error of f_L(x), and of f_L(x′) for any ‖x′ − x‖ ≤ r, in l2'],
      [
        'D(r)',
        `bound on ‖f_L(x′) − f_L(x)‖ for ‖x′ − x‖ ≤ r (${settings.lipschitz}${settings.lipschitz === 'power' ? ': an estimate, not a bound' : ''})`,
      ],
      ...(settings.delta > 0
        ? ([['δ', 'probability with which a norm behind D may fail; part of the total']] as const)
        : []),
    ],
  };
}

/** From R_u to the radius. */
export const backThrough = (
  radius: number,
  evidence: WayBack,
  lipschitz: SplitzSettings['lipschitz'],
): readonly DerivationStep[] => [rounding(evidence), back(radius, evidence, lipschitz)];

function rounding(c: WayBack): DerivationStep {
  const step = {
    title: 'Take off the rounding error of f_L in floating point, at x and at x′',
    formula: 'R_u − η − η′',
  };
  if (c.forwardError === null) {
    return {
      ...step,
      numbers: 'η has no bound: nothing is left of R_u',
      meaning: 'f_L jumps within rounding of this image, or the image lies outside its domain.',
    };
  }
  return {
    ...step,
    numbers: `η ≤ ${small(c.forwardError)},   η′ ≤ ${small(c.forwardErrorNearby ?? 0)},   R_u − η − η′ ≥ ${down(Math.max(0, usableLatentRadius(c) - c.latentRadius * 1e-15))}`,
    meaning:
      'η bounds the distance between the exact f_L(x) and the latent that is sampled around; η′ bounds it where f_L is evaluated at a perturbed image.',
  };
}

function back(radius: number, c: WayBack, lipschitz: SplitzSettings['lipschitz']): DerivationStep {
  const estimate = lipschitz === 'power';
  const how = {
    secant: 'each activation by its steepest secant through this image',
    linear:
      'its linear part carried through every layer, and bounds on what is not linear (or by secants, where that is smaller)',
    mask: 'neurons that cannot move on the ball omitted (SPLITZ, eq. 18)',
    global: 'the product of the layers’ norms',
    power: 'norms by power iteration: an ESTIMATE, NOT A BOUND',
  }[lipschitz];
  if (radius === 0) {
    return {
      title: 'Back through the left half',
      formula: 'D(r) ≤ R_u − η − η′',
      numbers: 'r = 0',
      meaning: `No ball around the image was ${estimate ? 'found' : 'proved'} whose image stays within R_u − η − η′.`,
    };
  }
  return {
    title: 'Back through the left half',
    formula: 'r = the largest radius found with D(r) ≤ R_u − η − η′, rounded down',
    numbers: `r = ${down(radius)}:  D(r) ≤ ${up(c.displacement ?? 0)}   (D(r)/r = ${up(c.localLipschitz ?? 0)})`,
    meaning: `D(r) bounds how far f_L moves the latent while the image moves by at most r: ${how}. ${estimate ? 'So r is an estimate too.' : 'It was proved at exactly this r.'}`,
  };
}
