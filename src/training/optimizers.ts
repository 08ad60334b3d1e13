/**
 * Optimizers as pure functions: parameters, gradients and state in, parameters and state out. What depends on the number
 * of the step (learning rate, bias correction) is fed, so that a step is the same function every time.
 *
 *   adam  m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²,  p ← p - ρ·w·p - ρ (m / (1-β₁ᵗ)) / (√(v / (1-β₂ᵗ)) + ε)
 *   sgd   m ← μm + g + w·p,   p ← p - ρ·m
 *
 * with learning rate ρ and weight decay w. For SGD decay is the l2 penalty of the papers; for Adam it is decoupled from
 * the gradient, whose scale Adam divides out (Kingma, Ba, ICLR 2015; Loshchilov, Hutter, ICLR 2019). Both agree with
 * torch.optim.AdamW and SGD.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../operators/training/form.ts';
import type { HostTensor, NamedTensors } from './program.ts';

interface CommonSettings {
  readonly weightDecay: number;
  /** Largest l2 norm of all gradients together; longer ones are scaled down to it. null: no limit. */
  readonly clipNorm: number | null;
}

export interface AdamSettings extends CommonSettings {
  readonly kind: 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface SgdSettings extends CommonSettings {
  readonly kind: 'sgd';
  /** Heavy ball, not Nesterov. */
  readonly momentum: number;
}

export type OptimizerSettings = AdamSettings | SgdSettings;

export interface UpdateInputs {
  /** Parameters by name. */
  readonly parameters: NamedTensors;
  /** The gradient of each, by the same names. */
  readonly gradients: NamedTensors;
  /** State tensors by name; others may be among them. */
  readonly state: NamedTensors;
  /** What `scalars` gave, as scalars. */
  readonly scalars: NamedTensors;
}

export interface Optimizer {
  /** Zeros, named after the parameter: "adam.m/NAME", "adam.v/NAME"; "sgd.momentum/NAME". */
  initialState(parameters: ReadonlyMap<string, readonly number[]>): Map<string, HostTensor>;
  /** Names of the scalars a step needs. */
  readonly scalarNames: readonly string[];
  /** Their values for step 1, 2, …. */
  scalars(step: number, learningRate: number): Map<string, number>;
  /** The parameters after the step, and the state tensors of `initialState`. */
  update(tf: Tf, inputs: UpdateInputs): { readonly parameters: NamedTensors; readonly state: NamedTensors };
}

const RATE = 'optimizer.rate';
const SHRINKAGE = 'optimizer.shrinkage';
const SPREAD = 'optimizer.spread';

/** @param decays whether weight decay applies to a parameter; biases and normalisation are usually exempt. */
export function createOptimizer(
  settings: OptimizerSettings,
  decays: (parameter: string) => boolean,
): Optimizer {
  const decayed = (name: string): boolean => settings.weightDecay > 0 && decays(name);
  return settings.kind === 'adam' ? adam(settings, decayed) : sgd(settings, decayed);
}

/** β₁ = 0.9, β₂ = 0.999, ε = 1e-8; no decay, no clipping. */
export const ADAM: AdamSettings = {
  kind: 'adam',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: null,
};

/** Momentum 0.9, decay 1e-4 as in Cohen et al. 2019; no clipping. */
export const SGD: SgdSettings = { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4, clipNorm: null };

function adam(settings: AdamSettings, decayed: (name: string) => boolean): Optimizer {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  return {
    initialState: (parameters) => zeros(parameters, ['adam.m/', 'adam.v/']),
    scalarNames: [RATE, SPREAD, ...(weightDecay > 0 ? [SHRINKAGE] : [])],
    scalars: (step, learningRate) =>
      new Map([
        [RATE, learningRate / (1 - beta1 ** step)],
        [SPREAD, 1 / Math.sqrt(1 - beta2 ** step)],
        ...(weightDecay > 0 ? [[SHRINKAGE, learningRate * weightDecay] as const] : []),
      ]),
    update: (tf, { parameters, gradients, state, scalars }) => {
      const clipped = clip(tf, gradients, settings.clipNorm);
      const after: { [name: string]: Tensor } = {};
      const moments: { [name: string]: Tensor } = {};
      for (const [name, parameter] of Object.entries(parameters)) {
        const gradient = clipped[name]!;
        const m = tf.add(tf.mul(state[`adam.m/${name}`]!, beta1), tf.mul(gradient, 1 - beta1));
        const v = tf.add(tf.mul(state[`adam.v/${name}`]!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
        const spread = tf.add(tf.mul(tf.sqrt(v), scalars[SPREAD]!), epsilon);
        const moved = tf.mul(tf.div(m, spread), scalars[RATE]!);
        const shrunk = decayed(name) ? tf.sub(parameter, tf.mul(parameter, scalars[SHRINKAGE]!)) : parameter;
        after[name] = tf.sub(shrunk, moved);
        moments[`adam.m/${name}`] = m;
        moments[`adam.v/${name}`] = v;
      }
      return { parameters: after, state: moments };
    },
  };
}

function sgd(settings: SgdSettings, decayed: (name: string) => boolean): Optimizer {
  const { momentum, weightDecay } = settings;
  return {
    initialState: (parameters) => zeros(parameters, ['sgd.momentum/']),
    scalarNames: [RATE],
    scalars: (_, learningRate) => new Map([[RATE, learningRate]]),
    update: (tf, { parameters, gradients, state, scalars }) => {
      const clipped = clip(tf, gradients, settings.clipNorm);
      const after: { [name: string]: Tensor } = {};
      const momenta: { [name: string]: Tensor } = {};
      for (const [name, parameter] of Object.entries(parameters)) {
        const gradient = clipped[name]!;
        const slope = decayed(name) ? tf.add(gradient, tf.mul(parameter, weightDecay)) : gradient;
        const m = tf.add(tf.mul(state[`sgd.momentum/${name}`]!, momentum), slope);
        after[name] = tf.sub(parameter, tf.mul(m, scalars[RATE]!));
        momenta[`sgd.momentum/${name}`] = m;
      }
      return { parameters: after, state: momenta };
    },
  };
}

function zeros(
  parameters: ReadonlyMap<string, readonly number[]>,
  prefixes: readonly string[],
): Map<string, HostTensor> {
  const state = new Map<string, HostTensor>();
  for (const [name, dims] of parameters) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    for (const prefix of prefixes) state.set(prefix + name, { dims, values: new Float32Array(size) });
  }
  return state;
}

/** Gradients scaled by min(1, limit / ‖all of them‖). A gradient that is not finite stays so: the run must notice. */
function clip(tf: Tf, gradients: NamedTensors, limit: number | null): NamedTensors {
  if (limit === null) return gradients;
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(tf.addN(squares));
  const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-6)), 1);
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, tf.mul(gradient, factor)]),
  );
}
