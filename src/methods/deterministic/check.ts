/** Whether a Lipschitz margin follows from its scores and norms; uses nothing that made it. */
import type { RunHeader } from '../../records/record.ts';
import type { Certificate, Series } from '../method.ts';
import type { DeterministicEvidence, DeterministicFacts, DeterministicSettings } from './schema.ts';

type DeterministicSeries = Series<DeterministicSettings, DeterministicFacts>;

export function deterministicHeaderFault({ settings, guarantee }: DeterministicSeries): string | null {
  const estimated = settings.lipschitz.value === 'power';
  if ((guarantee === 'certificate') === estimated)
    return `guarantee is "${guarantee}", but the network was bounded by ${settings.lipschitz.value}`;
  return settings.delta.value < 0.5 ? null : `delta is ${settings.delta.value}`;
}

/** Two or three roundings may hide here. */
const SLACK = 1 + 2 ** -46;

export function deterministicFault(
  { prediction, radius, failureProbability, evidence }: Certificate<DeterministicEvidence>,
  { settings }: DeterministicSeries,
  { model }: RunHeader,
): string | null {
  const { scores, scoreError, norms, displacement, rounding } = evidence;
  const delta = settings.delta.value;
  if (failureProbability !== delta)
    return `failureProbability is ${failureProbability}, but delta is ${delta}`;
  if (scores.length !== model.classes && !(scores.length === 0 && prediction === null))
    return `${scores.length} scores of ${model.classes} classes`;
  if ((rounding === null) !== (radius === 0)) return 'rounding must be null exactly when the radius is 0';
  if ((displacement === null) !== (prediction === null))
    return 'displacement must be null exactly when abstaining';
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const lead = (i: number): number =>
    (scores[prediction ?? -1] ?? Number.NaN) -
    (scores[i] ?? Number.NaN) -
    Math.SQRT2 * (scoreError ?? Infinity);
  if (prediction === null) {
    const [first = 0, second = 0] = order;
    const margin = (scores[first] ?? 0) - (scores[second] ?? 0);
    return scoreError !== null && scores.length > 1 && margin > 2 * scoreError * SLACK
      ? `it abstained, although the scores differ by ${margin}`
      : null;
  }
  if (scoreError === null) return 'scoreError is null, yet a class is answered';
  if (norms.length !== model.classes) return `${norms.length} norms of ${model.classes} classes`;
  if (radius === 0) return displacement === 0 ? null : `displacement is ${displacement} at radius 0`;
  const moved = (displacement ?? Number.NaN) + (rounding ?? Number.NaN);
  for (const i of order) {
    if (i === prediction) continue;
    const movable = (norms[i] ?? Number.NaN) * moved;
    if (!(lead(i) > 0 && movable <= lead(i) * SLACK))
      return `class ${i} is at least ${lead(i)} behind, but the scores may move by ${movable} towards it`;
  }
  return null;
}
