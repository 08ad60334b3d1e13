/** The search of `attack`: by gradients where the model has them, else along the boundary. */
import { boundaryWalk } from '../../attack/boundary-walk.ts';
import { openNoisyScores } from '../../attack/noisy-scores.ts';
import { type OpenedGradientAttack, openGradientAttack } from '../../attack/open-gradient-attack.ts';
import type { Reach } from '../../attack/perturbation.ts';
import { gradientSearch, type Search } from '../../attack/search.ts';
import { readableImages } from '../../datasets/readable-images.ts';
import { ModelRefused, ToolError } from '../../ground/errors.ts';
import { type Context, note } from '../../methods/context.ts';
import { inputCut } from '../../methods/smoothing/open.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { AttackTarget } from './target.ts';

export interface SearchRequest {
  /** `auto`: by gradients where the model has them. */
  readonly search: 'auto' | Search['kind'];
  readonly steps: number;
  /** Starts per image, by gradients. */
  readonly restarts: number;
  /** Noise draws per step. */
  readonly draws: number;
  readonly seed: number;
  readonly threads: number;
}

export interface OpenedSearch extends Search {
  /** Noise draws per step; 0 where the method names no place for noise. */
  readonly draws: number;
  close(): Promise<void>;
}

/** @throws ModelRefused when it is to search by gradients and the model has none */
export async function openSearch(
  target: AttackTarget,
  request: SearchRequest,
  reach: Reach,
  context: Context,
): Promise<OpenedSearch> {
  const { classifier, data } = target.subject;
  const { cut, sigma, draws } = noiseOf(target, request);
  const { steps, restarts: rows, threads } = request;
  const seed = BigInt(request.seed);
  if (request.search !== 'gradient-free') {
    const gradients = await openGradients(request, context, () =>
      openGradientAttack(classifier, cut, { rows, draws, sigma, seed, ...reach, threads }),
    );
    if (gradients !== null)
      return { ...gradientSearch(gradients, steps), draws, close: () => gradients.close() };
  }
  const count = Math.min(STRANGERS, data.length);
  const images = await readableImages(
    data,
    Array.from({ length: count }, (_, index) => index),
  );
  const others = images.map(({ pixels }) => pixels);
  const scores = await openNoisyScores(classifier, cut, { draws, sigma, seed });
  return { ...boundaryWalk(scores, { steps, seed, ...reach, others }), draws, close: () => scores.close() };
}

/** Images of the data set that a search without gradients may start from. */
const STRANGERS = 24;

/** Where the search adds noise, and how often; nowhere to a network alone, or where the method names no place. */
function noiseOf(
  { subject, certified }: AttackTarget,
  { draws }: SearchRequest,
): { readonly cut: Cut; readonly sigma: number; readonly draws: number } {
  const surrogate = certified?.method.surrogate(certified.settings, subject) ?? null;
  return surrogate === null
    ? { cut: inputCut(subject.classifier), sigma: 0, draws: 0 }
    : { ...surrogate, draws };
}

/** Null where `--search auto` finds a model without gradients. */
async function openGradients(
  { search }: SearchRequest,
  context: Context,
  open: () => Promise<OpenedGradientAttack>,
): Promise<OpenedGradientAttack | null> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ModelRefused || error instanceof ToolError)) throw error;
    const { what } = error.report;
    if (search === 'auto') {
      note(context, `note   searching without gradients: ${what}`);
      return null;
    }
    throw new ModelRefused({
      ...error.report,
      what: `the model cannot be attacked by gradients (${what})`,
      remedy: 'Use --search gradient-free.',
      cause: error,
    });
  }
}
