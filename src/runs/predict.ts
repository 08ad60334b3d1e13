/** What a certified classifier answers, or that it does not decide: PREDICT (Cohen et al. 2019) where a method draws. */
import { UsageError } from '../ground/errors.ts';
import { type Context, note } from '../methods/context.ts';
import { type Answer, type Question, valuesOf } from '../methods/method.ts';
import { byFlag, drawn, originOf, requireCount } from '../methods/sourced.ts';
import type { SeriesHeader, Sourced } from '../records/record.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { type OpenedSubject, openSubject, type SubjectRequest } from './open-subject.ts';
import { type SeriesRequests, settle } from './settle.ts';

export interface PredictRequest extends SubjectRequest, Omit<SeriesRequests, 'against' | 'beside'> {
  /** Of the noise; drawn from the operating system unless given. */
  readonly seed?: number | undefined;
}

export interface Prediction extends Answer {
  readonly index: number;
  readonly label: number | null;
}

export interface Predictions {
  readonly series: SeriesHeader;
  readonly seed: Sourced<number>;
  /** What each answer rests on. */
  readonly poll: Pick<Question, 'draws' | 'alpha'>;
  readonly answers: readonly Prediction[];
}

/**
 * @param indices of images of the data
 * @throws UsageError for an image that is not there, and what opening model, data and method throws
 */
export async function predict(
  request: PredictRequest,
  indices: readonly number[],
  context: Context,
): Promise<Predictions> {
  return predictOn(await openSubject(request, (text) => note(context, text)), request, indices, context);
}

/** The same for a subject that is open. */
export async function predictOn(
  subject: OpenedSubject,
  request: PredictRequest,
  indices: readonly number[],
  context: Context,
): Promise<Predictions> {
  const { data } = subject;
  for (const index of indices) {
    if (Number.isInteger(index) && index >= 0 && index < data.length) continue;
    throw new UsageError({
      what: `there is no image ${index}`,
      where: data.describe(),
      remedy: `Give an index from 0 to ${data.length - 1}.`,
    });
  }
  if (request.seed !== undefined) requireCount('--seed', request.seed, 0);
  const seed =
    request.seed === undefined ? drawn(drawnSeed()) : byFlag(request.seed, originOf(request, 'seed'));
  const { series } = await settle({ ...request, against: [] }, subject, context);
  const [own] = series;
  if (own === undefined) throw new Error('a run has a series');
  const { method, settings } = own;
  const values = valuesOf(settings);
  const noise = { seed: BigInt(seed.value), series: 0 };
  const probes = await Promise.all(indices.slice(0, 2).map((index) => data.image(index)));
  const certifier = await method.open(subject, values, noise, probes, context);
  try {
    const poll = method.poll(values);
    const question: Question = { stage: Stage.prediction, number: 0, ...poll, seed: noise.seed };
    const answers: Prediction[] = [];
    for (const index of indices) {
      const image = { index, pixels: await data.image(index) };
      const answer = await certifier.answer(image, question, context);
      answers.push({ index, label: data.labels?.[index] ?? null, ...answer });
    }
    const { guarantee, facts, checks } = certifier;
    return { series: { method: method.name, guarantee, settings, facts, checks }, seed, poll, answers };
  } finally {
    await certifier.close();
  }
}
