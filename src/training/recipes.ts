/**
 * Recipes: every setting of a training run with a default that works. A flag overrides a value; all values are printed
 * and recorded.
 *
 *   smoothing  plain Gaussian training (Cohen et al. 2019) at --split input: there is no left half, so nothing to
 *   regularise paper      SPLITZ Algorithm 2: mask bound, fixed latent noise, λ falling, θ_L = 0.5, learned clip level
 *   matched    latent noise tied to sigma × mean secant bound: no λ, and plain smoothing at sigma is the fair twin
 *   warm       matched, started from a smoothing-trained network behind an isometric left half and its adjoint
 *   orthogonal  noise behind an orthogonal encoder (--architecture orthogonal-mnist …): its L is 1 by construction
 *   margin      no noise: a margin of the scores of networks whose layers have tight norms (--architecture liresnet-mnist …)
 */
import type { Augmentation } from './augmentation.ts';
import type { Regularizer } from './regularizers.ts';

export const RECIPES = ['smoothing', 'paper', 'matched', 'warm', 'orthogonal', 'margin'] as const;
export type RecipeName = (typeof RECIPES)[number];

export interface Recipe {
  /** 'fixed': sigma is the noise at the cut; 'matched': at the input, times the mean L at the cut. */
  readonly noise: 'fixed' | 'matched';
  /** Share of that level over the run (schedule syntax); validation has all of it. */
  readonly noiseScale: string;
  readonly regularizer: Regularizer;
  /** Weight of the Lipschitz term over the run (schedule syntax). */
  readonly lambda: string;
  /** Radius of the ball that L is taken on, pixel units (schedule syntax). */
  readonly radius: string;
  /** θ_L: L below it costs nothing. */
  readonly threshold: number;
  readonly learnThreshold: boolean;
  /** θ of Clip(0, θ) in place of the left half's Relus; null leaves them. */
  readonly reluTheta: number | null;
  readonly learnTheta: boolean;
  readonly powerSteps: number;
  /** Images per batch that L is taken on; a batch has no more. */
  readonly boundImages: number;
  readonly loss: string;
  /** Weight of what the loss adds to the cross-entropy (schedule syntax). */
  readonly strength: string;
  readonly optimizer: 'adam' | 'sgd';
  readonly learningRate: string;
  readonly weightDecay: number;
  readonly clipNorm: number | null;
  readonly epochs: number;
  readonly batch: number;
  readonly augment: Augmentation;
  /** The radius that a margin is trained to verify, in input units; without a meaning where there is noise. */
  readonly epsilon: number;
  /** Share of it over the run (schedule syntax); validation has all of it. */
  readonly epsilonScale: string;
}

const common = {
  noiseScale: '1',
  reluTheta: null,
  threshold: 0,
  learnThreshold: false,
  learnTheta: false,
  powerSteps: 5,
  boundImages: 64,
  loss: 'gaussian',
  strength: '1',
  optimizer: 'adam',
  weightDecay: 0,
  clipNorm: null,
  epochs: 30,
  batch: 256,
  augment: 'none',
  epsilon: 0.5,
  epsilonScale: '1',
} as const;

const recipes: Readonly<Record<RecipeName, Recipe>> = {
  smoothing: {
    ...common,
    noise: 'fixed',
    regularizer: 'none',
    lambda: '0',
    radius: '1',
    learningRate: 'cosine:1e-3',
  },
  paper: {
    ...common,
    noise: 'fixed',
    regularizer: 'mask',
    lambda: '0.8:0.4',
    boundImages: 256,
    radius: '0.1',
    threshold: 0.5,
    reluTheta: 1,
    learnTheta: true,
    learningRate: 'cosine:1e-3',
  },
  matched: {
    ...common,
    noise: 'matched',
    // All the noise at once, which L multiplies, leaves an untrained network nothing to learn from.
    noiseScale: '0:1@40%',
    regularizer: 'secant',
    lambda: '0',
    radius: '1',
    reluTheta: 1,
    learnTheta: true,
    learningRate: 'cosine:1e-3',
  },
  warm: {
    ...common,
    noise: 'matched',
    regularizer: 'secant',
    lambda: '0',
    radius: '1',
    learningRate: 'cosine:3e-4',
  },
  orthogonal: {
    ...common,
    noise: 'fixed',
    regularizer: 'none',
    lambda: '0',
    radius: '1',
    learningRate: 'cosine:1e-3',
  },
  margin: {
    ...common,
    noise: 'fixed',
    regularizer: 'none',
    lambda: '0',
    radius: '1',
    loss: 'emma',
    powerSteps: 10,
    learningRate: 'cosine:2e-3,1',
    clipNorm: 3,
    epsilonScale: '0.1:1.2@50%',
  },
};

/** Published values where the data set has them (SPLITZ section V), else the recipe's own. */
export function recipeFor(name: RecipeName, dataset: string): Recipe {
  const recipe = recipes[name];
  // What the literature on deterministic certificates states its accuracy at.
  if (name === 'margin' && dataset === 'mnist') return { ...recipe, epsilon: 1.58 };
  if (dataset !== 'cifar10') return recipe;
  const cifar = {
    ...recipe,
    augment: 'crop+flip' as const,
    batch: 128,
    weightDecay: 1e-4,
    powerSteps: Math.min(recipe.powerSteps, 2),
  };
  if (name === 'margin') return { ...cifar, weightDecay: 0, epsilon: 36 / 255, epsilonScale: '0.1:3@50%' };
  return name === 'paper' ? { ...cifar, lambda: '0.7:0.5' } : cifar;
}
