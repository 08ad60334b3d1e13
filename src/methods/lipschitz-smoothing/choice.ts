/**
 * How the means of an image are bounded: by the way that would give the largest radius, were the fresh draws to come out like those of
 * the selection. These are not used again, so that the choice spends nothing of α; nor does it change the classifier.
 */
import { bernsteinLower } from '../../smoothing/means/bernstein.ts';
import { rejects } from '../../smoothing/means/betting.ts';
import { drawsIn, type ScoreSums, type Weights } from '../../smoothing/scores/score-sums.ts';
import { type Choice, type Losses, radiiOf, scoreBounds, shares } from './certificate.ts';
import { FORMS, type LipschitzSettings } from './schema.ts';

/** What a choice rests on. */
export type ChoiceSettings = Pick<LipschitzSettings, 'n' | 'alpha' | 'sigma' | 'scores'>;

/**
 * The form by empirical Bernstein bounds, which cost nothing; then betting where it would give more.
 * @param lipschitz L of a score; null for votes
 * @returns with the radius to be expected, at least, where the noise is added; 0 for none
 */
export function chosenFor(
  seen: ScoreSums,
  { n, alpha, sigma, scores }: ChoiceSettings,
  lipschitz: number | null,
  losses: Losses,
): Choice & { readonly radius: number } {
  const scale = n / drawsIn(seen.own);
  const projected = (weights: Weights): Weights => weights.map((w) => Math.round(w * scale));
  const expected = { own: projected(seen.own), others: projected(seen.others) };
  const quick = scores === 'votes' ? 'clopper-pearson' : 'bernstein';
  const tried = FORMS.map((form) => {
    const bounds = scoreBounds(expected, { mean: quick, form }, shares(scores, form, alpha).mean, losses);
    return { form, radius: radiiOf(bounds, sigma, lipschitz).latentRadius };
  });
  const { form, radius } = tried.reduce((a, b) => (b.radius > a.radius ? b : a));
  if (quick === 'clopper-pearson') return { mean: quick, form, radius };
  const level = shares(scores, form, alpha).mean;
  const better = rejects(expected.own, Math.max(2 ** -40, bernsteinLower(expected.own, level)), level);
  return { mean: better ? 'betting' : 'bernstein', form, radius };
}
