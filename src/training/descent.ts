/** One step of the optimizer down an objective, and back onto the constraints. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../operators/training/form.ts';
import { broughtBack, type Constraint } from './constraints.ts';
import type { Optimizer } from './optimizers.ts';
import type { NamedTensors } from './program.ts';

export interface Descent {
  /** Names of the parameters, in the order in which the objective takes them. */
  readonly trained: readonly string[];
  readonly objective: (...parameters: Tensor[]) => Tensor;
  readonly optimizer: Optimizer;
  readonly constraints: ReadonlyMap<string, Constraint>;
}

/** @returns the objective before the step, and the parameters and the optimizer's state after it */
export function descended(
  tf: Tf,
  { trained, objective, optimizer, constraints }: Descent,
  state: NamedTensors,
  fed: NamedTensors,
): { readonly loss: Tensor; readonly parameters: Record<string, Tensor>; readonly state: NamedTensors } {
  const before = trained.map((name) => state[name] as Tensor);
  const { value, grads } = tf.valueAndGrads(objective as Parameters<Tf['valueAndGrads']>[0])(before);
  const update = optimizer.update(tf, {
    parameters: Object.fromEntries(trained.map((name, k) => [name, before[k] as Tensor])),
    gradients: Object.fromEntries(trained.map((name, k) => [name, grads[k] as Tensor])),
    state,
    scalars: Object.fromEntries(optimizer.scalarNames.map((name) => [name, fed[name] as Tensor])),
  });
  const parameters: Record<string, Tensor> = { ...update.parameters };
  for (const [name, constraint] of constraints)
    parameters[name] = broughtBack(tf, constraint, parameters[name] as Tensor);
  return { loss: value, parameters, state: update.state };
}
