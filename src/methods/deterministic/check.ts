/** Whether a Lipschitz margin follows from its scores and movements; uses nothing that made it. */
import type { RunHeader } from '../../records/record.ts';
import type { Certificate, Series } from '../method.ts';
import type { DeterministicEvidence, DeterministicFacts, DeterministicSettings } from './schema.ts';

type DeterministicSeries = Series<DeterministicSettings, DeterministicFacts>;

export function deterministicHeaderFault({ settings, guarantee }: DeterministicSeries): string | null {
  const estimated = settings.lipschitz.value === 'power';
  return (guarantee === 'certificate') === estimated
    ? `guarantee is "${guarantee}", but the network was bounded by ${settings.lipschitz.value}`
    : null;
}

/** Two or three roundings may hide here. */
const SLACK = 1 + 2 ** -46;

export function deterministicFault(
  { prediction, radius, failureProbability, evidence }: Certificate<DeterministicEvidence>,
  _series: DeterministicSeries,
  { model }: RunHeader,
): string | null {
  const { scores, scoreError, moved, rounding } = evidence;
  if (failureProbability !== 0)
    return `failureProbability is ${failureProbability}, but nothing is proved with a probability`;
  if (scores.length !== model.classes && !(scores.length === 0 && prediction === null))
    return `${scores.length} scores of ${model.classes} classes`;
  if ((rounding === null) !== (radius === 0)) return 'rounding must be null exactly when the radius is 0';
  if (moved.length !== (radius === 0 ? 0 : model.classes))
    return `${moved.length} movements of ${model.classes} classes at radius ${radius}`;
  if (prediction === null) {
    const [first = 0, second = 0] = [...scores].sort((a, b) => b - a);
    return scoreError !== null && scores.length > 1 && first - second > 2 * scoreError * SLACK
      ? `it abstained, although the scores differ by ${first - second}`
      : null;
  }
  if (scoreError === null) return 'scoreError is null, yet a class is answered';
  const own = scores[prediction] ?? Number.NaN;
  for (const [i, score] of scores.entries()) {
    if (i === prediction) continue;
    const lead = own - score - Math.SQRT2 * scoreError;
    const movable = radius === 0 ? 0 : (moved[i] ?? Number.NaN) + Math.SQRT2 * (rounding ?? Number.NaN);
    if (!(lead > 0 && movable <= lead * SLACK))
      return `class ${i} is at least ${lead} behind, but the scores may move by ${movable} towards it`;
  }
  return null;
}
