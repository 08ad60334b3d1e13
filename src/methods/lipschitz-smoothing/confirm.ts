/** Checks certificates against model and data: L again, τ and ρ of every record, and at a cut the way back as for SPLITZ. */
import { findCut } from '../../onnx/cuts.ts';
import type { Context } from '../context.ts';
import type { Claim, Confirmation, ConfirmationRequest, Series, Subject } from '../method.ts';
import { valuesOf } from '../method.ts';
import { tauFault } from '../smoothing/confirm.ts';
import { confirmSplitz } from '../splitz/confirm/confirm.ts';
import { latentCentre } from '../splitz/left-half.ts';
import { openBound } from '../splitz/proofs/open-bound.ts';
import { roundingLoss } from './rounding.ts';
import type { LipschitzEvidence, LipschitzFacts, LipschitzSettings } from './schema.ts';
import { steepnessOf } from './steepness.ts';

/** Two evaluations differ by less. */
const SAME = 1e-9;

export async function confirmLipschitz(
  claims: readonly Claim[],
  series: Series<LipschitzSettings, LipschitzFacts>,
  subject: Subject,
  request: ConfirmationRequest,
  context: Context,
): Promise<Confirmation> {
  const { classifier, data } = subject;
  const settings = valuesOf<LipschitzSettings>(series.settings);
  const { sigma, split, lipschitz } = settings;
  const cut = findCut(classifier.cuts, split);
  const [first] = claims;
  const steep = steepnessOf(classifier, cut, settings);
  const wrong = lipschitzFault(steep.scoreLipschitz, series.facts.scoreLipschitz);
  if (wrong !== null && first !== undefined) return failed(first, wrong);
  const left =
    cut.index === 0 ? null : (await openBound(classifier, split, lipschitz, request.runSeed, context)).left;
  for (const claim of claims) {
    const image = await data.image(claim.index);
    const latent = left === null ? Float64Array.from(image) : latentCentre(left, image).latent;
    const why = noiseFault(
      claim.certificate.evidence as LipschitzEvidence,
      latent,
      sigma,
      steep.scoreLipschitz,
    );
    if (why !== null) return failed(claim, why);
  }
  const seen = [
    settings.scores === 'votes' ? 'τ of every record' : 'L of the scores, τ and ρ of every record',
  ];
  const drawn =
    settings.scores === 'votes' ? [] : ['the differences from exact scores: replay draws and compares again'];
  if (left === null) return { fault: null, checked: seen, unchecked: drawn };
  const back = await confirmSplitz(claims, series, subject, request, context);
  return { ...back, checked: [...seen, ...back.checked], unchecked: [...drawn, ...back.unchecked] };
}

const failed = (claim: Claim, why: string): Confirmation => ({
  fault: { claim, why },
  checked: [],
  unchecked: [],
});

/** The same probes give the same bound; elsewhere it may differ in its last digits. */
function lipschitzFault(again: number | null, stated: number | null): string | null {
  const same = again === null ? stated === null : stated !== null && Math.abs(again - stated) <= SAME * again;
  return same ? null : `facts.scoreLipschitz is ${stated}, but the model's norms give ${again}`;
}

function noiseFault(
  evidence: LipschitzEvidence,
  latent: Float64Array,
  sigma: number,
  lipschitz: number | null,
): string | null {
  const ofTau = tauFault(evidence, latent, sigma);
  if (ofTau !== null || lipschitz === null) return ofTau;
  const loss = Math.min(1, roundingLoss(lipschitz, latent, sigma, evidence.grid));
  return Math.abs(loss - evidence.rounding) <= SAME * loss
    ? null
    : `rounding is ${evidence.rounding}, but the point that noise is added to gives ${loss}`;
}
