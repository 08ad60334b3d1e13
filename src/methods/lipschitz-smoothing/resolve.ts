/** The settings of Lipschitz-aware smoothing: what was asked for, then the model's metadata, then a pilot, then defaults. */
import { UsageError } from '../../ground/errors.ts';
import type { ScoreMapName } from '../../ground/score-map-names.ts';
import { DEFAULT_BOUND } from '../../lipschitz/displacement-bounds.ts';
import { DEFAULT_DELTA } from '../../lipschitz/input-radius.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { Sourced } from '../../records/record.ts';
import { type Context, note } from '../context.ts';
import type { Asked, Resolved, SettingsPreview, Subject, WithOrigins } from '../method.ts';
import { DEFAULT_INPUT_SIGMA, resolveVotes, sigmaOf } from '../smoothing/settings.ts';
import { askedOr, byDefault, chosen, derived, numberFrom, refuseDerived, requireCount } from '../sourced.ts';
import { cutFor } from '../splitz/cut-for.ts';
import { boundAskedFor } from '../splitz/left-half.ts';
import { deviationOf } from './comparison.ts';
import { pilotScores } from './pilot.ts';
import type { LipschitzSettings } from './schema.ts';

const DEFAULT_COMPARED = 1000;

export async function resolveLipschitz(
  asked: Asked,
  subject: Subject,
  context: Context,
): Promise<Resolved<LipschitzSettings>> {
  const { classifier } = subject;
  const { split, ...settled } = settledBefore(asked, classifier.source.metadata);
  const cut = cutFor(classifier, split.value);
  const sigma = settled.sigma ?? byDefault(DEFAULT_INPUT_SIGMA);
  if (cut.index > 0 && settled.sigma === null)
    throw new UsageError({
      what: `the cut '${cut.name}' needs a --sigma`,
      why: 'noise behind a cut has no usual size',
      remedy: 'Write --sigma with a fraction of what the latent varies by, or use --split input.',
    });
  sigmaOf(sigma.value);
  const before = {
    ...{ split: { value: cut.name, origin: split.origin }, sigma, n0: settled.n0, n: settled.n },
    ...{ alpha: settled.alpha, lipschitz: settled.lipschitz },
  };
  const { scores, temperature, heldOut } = await scoring(
    asked,
    subject,
    cut,
    settled.compared,
    before,
    context,
  );
  const votes = scores.value === 'votes';
  const delta =
    cut.index === 0 ? 0 : boundAskedFor(classifier, cut, settled.lipschitz.value).failureProbability;
  return {
    settings: {
      ...before,
      delta: delta === DEFAULT_DELTA ? byDefault(delta) : derived(delta),
      ...{ scores, temperature },
      compared: votes ? derived(0) : settled.compared,
    },
    heldOut,
  };
}

interface SettledBefore
  extends Omit<WithOrigins<LipschitzSettings>, 'sigma' | 'delta' | 'scores' | 'temperature'> {
  /** Null where neither flag nor model says a level. */
  readonly sigma: Sourced<number> | null;
}

/** What is settled before the model is opened. Throws UsageError for values that cannot certify anything. */
function settledBefore(asked: Asked, metadata: ReadonlyMap<string, string>): SettledBefore {
  refuseDerived(asked, 'delta', 'the norms of the network');
  const split = chosen(asked['split'], metadata, 'splitz.split', (text) => text) ?? byDefault('input');
  if (split.value === 'auto')
    throw new UsageError({
      what: '--split auto does not go with --method lipschitz-smoothing',
      why: 'the cut is chosen for votes, not for scores',
      remedy: 'Name a cut with --split, or omit it.',
    });
  const ofModel = split.value === (metadata.get('splitz.split') ?? 'input');
  const key = ofModel ? 'splitz.sigma' : 'splitz.baseline_sigma';
  const sigma =
    ofModel || split.value === 'input'
      ? chosen(asked['sigma'], metadata, key, numberFrom(`model metadata ${key}`))
      : ((asked['sigma'] as Sourced<number> | undefined) ?? null);
  if (sigma !== null) sigmaOf(sigma.value);
  const { n0, n, alpha } = resolveVotes(asked);
  const compared = askedOr(asked, 'compared', Math.min(DEFAULT_COMPARED, n.value));
  if (asked['scores']?.value !== 'votes') requireUsefulComparison(compared.value, n.value, alpha.value);
  checkScores(asked);
  return { split, sigma, n0, n, alpha, compared, lipschitz: askedOr(asked, 'lipschitz', DEFAULT_BOUND) };
}

/** Draws compared can only show so much: with too few even a perfect agreement leaves a score of 1/2 in doubt. */
function requireUsefulComparison(compared: number, n: number, alpha: number): void {
  requireCount('--compared', compared, 1);
  if (compared > n)
    throw new UsageError({
      what: `--compared is ${compared}, but --n is ${n}`,
      why: 'only draws that are made can be compared',
      remedy: `Give --compared ${n} or less, or omit it.`,
    });
  let least = compared;
  while (deviationOf(0, least, alpha / 2) >= 0.5) least++;
  if (least === compared) return;
  throw new UsageError({
    what: `--compared ${compared} can certify nothing at --alpha ${alpha}`,
    why: 'so few draws do not show that the scores of ONNX Runtime are those of the exact network',
    remedy: `Give --n and --compared ${least} or more; ${DEFAULT_COMPARED} is usual.`,
  });
}

function checkScores(asked: Asked): void {
  const scores = asked['scores']?.value;
  const temperature = asked['temperature']?.value;
  if (typeof temperature === 'number' && !(temperature > 0 && Number.isFinite(temperature)))
    throw new UsageError({
      what: `--temperature is ${temperature}`,
      why: 'logits are divided by it',
      remedy: 'Give --temperature a positive number, or omit it.',
    });
  if (scores === 'votes' && temperature !== undefined && temperature !== null)
    throw new UsageError({
      what: '--temperature does not go with --scores votes',
      why: 'votes look at the largest logit alone',
      remedy: 'Omit --temperature, or choose other --scores.',
    });
}

type Before = Pick<WithOrigins<LipschitzSettings>, 'split' | 'sigma' | 'n0' | 'n' | 'alpha' | 'lipschitz'>;

interface Scoring {
  readonly scores: Sourced<ScoreMapName>;
  readonly temperature: Sourced<number | null>;
  readonly heldOut: readonly number[];
}

/** Scores and temperature: as asked for, or by a pilot on images that are not certified afterwards. */
async function scoring(
  asked: Asked,
  subject: Subject,
  cut: Cut,
  compared: Sourced<number>,
  before: Before,
  context: Context,
): Promise<Scoring> {
  const scores = asked['scores'] as Sourced<ScoreMapName> | undefined;
  const temperature = asked['temperature'] as Sourced<number> | undefined;
  if (scores?.value === 'votes') return { scores, temperature: derived(null), heldOut: [] };
  if (scores !== undefined && temperature !== undefined) return { scores, temperature, heldOut: [] };
  const request = {
    ...{ sigma: before.sigma.value, n: before.n.value, alpha: before.alpha.value, compared: compared.value },
    ...{ lipschitz: before.lipschitz.value, split: before.split.value },
    ...{ scores: scores?.value ?? null, temperature: temperature?.value ?? null },
  };
  const pilot = await pilotScores(subject, cut, request, context);
  for (const line of pilot.notes) note(context, `scores ${line}`);
  return {
    scores: scores ?? derived(pilot.scores),
    temperature: pilot.scores === 'votes' ? derived(null) : (temperature ?? derived(pilot.temperature)),
    heldOut: pilot.heldOut,
  };
}

export function previewLipschitz(
  asked: Asked,
  _beside: Asked,
  metadata: ReadonlyMap<string, string>,
): SettingsPreview {
  const { sigma, ...settled } = settledBefore(asked, metadata);
  const byPilot = { value: 'chosen on held-out images', origin: 'derived' };
  return {
    settings: {
      ...settled,
      sigma: sigma ?? { value: DEFAULT_INPUT_SIGMA, origin: 'default' },
      scores: asked['scores'] ?? byPilot,
      temperature: asked['temperature'] ?? byPilot,
    },
    beside: {},
  };
}
