/** The search of `attack`: by gradients where the model has them, else along the boundary. */
import { boundaryWalk } from '../../attack/boundary-walk.ts';
import { withNoisyScores } from '../../attack/noisy-scores.ts';
import { type OpenedGradientAttack, openGradientAttack } from '../../attack/open-gradient-attack.ts';
import type { PixelRange } from '../../attack/perturbation.ts';
import { gradientSearch, type Search } from '../../attack/search.ts';
import { ModelRefused, ToolError } from '../../ground/errors.ts';
import type { AttackPlan } from './plan.ts';

/** Flags of the search. */
export interface SearchFlags {
  readonly method: 'auto' | Search['method'];
  readonly steps: number;
  readonly restarts: number;
  readonly draws: number;
  readonly seed: number;
  readonly workers: number;
}

/** The search by gradients where the model has them, else without; both closed behind `use`. */
export async function withSearch<T>(
  { opened, cut, smoothing }: AttackPlan,
  flags: SearchFlags,
  range: PixelRange,
  note: (text: string) => void,
  use: (search: Search) => Promise<T>,
): Promise<T> {
  const { classifier, data } = opened;
  const draws = smoothing === null ? 0 : flags.draws;
  const sigma = smoothing?.sigma ?? 0;
  const seed = BigInt(flags.seed);
  if (flags.method !== 'gradient-free') {
    const gradients = await openGradients(flags, note, () =>
      openGradientAttack(classifier, cut, {
        ...{ rows: flags.restarts, draws, sigma, seed, range, threads: flags.workers },
      }),
    );
    if (gradients !== null) {
      try {
        return await use(gradientSearch(gradients, flags.steps));
      } finally {
        await gradients.close();
      }
    }
  }
  const count = Math.min(STRANGERS, data.length);
  const others = await Promise.all(Array.from({ length: count }, (_, index) => data.image(index)));
  return withNoisyScores(classifier, cut, { draws, sigma, seed }, (scores) =>
    use(boundaryWalk(scores, { steps: flags.steps, seed, range, others })),
  );
}

/** Images of the data set that a search without gradients may start from. */
const STRANGERS = 24;

/** Null where `--method auto` finds a model without gradients. */
async function openGradients(
  { method }: SearchFlags,
  note: (text: string) => void,
  open: () => Promise<OpenedGradientAttack>,
): Promise<OpenedGradientAttack | null> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ModelRefused || error instanceof ToolError)) throw error;
    const { what } = error.report;
    if (method === 'auto') {
      note(`note   searching without gradients: ${what}`);
      return null;
    }
    throw new ModelRefused({
      ...error.report,
      what: `the model cannot be attacked by gradients (${what})`,
      remedy: 'Use --method gradient-free.',
      cause: error,
    });
  }
}
