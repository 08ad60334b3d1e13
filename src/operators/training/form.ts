/**
 * The interface of an operator in training: the same node as differentiable TensorFlow.js operations. Tensors keep their
 * ONNX layout (batch first, channels second; kernels [out, in, rows, columns]), so a trained weight goes back into the
 * file unchanged. tfjs is passed as an argument: only `train` loads it.
 */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Node, Tensor } from '../../onnx/model/graph.ts';

/** The module @tensorflow/tfjs-core. */
export type Tf = typeof tfjs;

/** One input of a node in the training graph. */
export interface TrainingOperand {
  /** The file's constant it is (reached through operators that only pass it on), else the value's own name. */
  readonly name: string;
  /** Float tensors as they are in the file, parameters as they are now; integer constants as int32. Made when read. */
  readonly tensor: tfjs.Tensor;
  /** The file's constant where the input is one that is not trained: shapes, axes and limits must be known numbers. */
  readonly constant: Tensor | null;
  /** Whether the value depends on the network's input. */
  readonly dependent: boolean;
}

/** Inputs of a node by position; null where an optional one is omitted. */
export type TrainingOperands = readonly (TrainingOperand | null)[];

export interface TrainingContext {
  readonly tf: Tf;
  /** What BatchNormalization normalises by: statistics of this batch (training) or the running ones (validation). */
  readonly statistics: 'batch' | 'running';
  /** New running statistics, by the name of the initializer that holds the old ones; shape [channels]. */
  readonly updateStatistic: (initializer: string, value: tfjs.Tensor) => void;
}

export interface TrainingForm {
  /**
   * y = op(x).
   * @throws ModelRefused ("train refuses …") for attributes and operands that have no gradient here
   */
  forward(node: Node, operands: TrainingOperands, context: TrainingContext): tfjs.Tensor;
  /** Positions of the inputs that are trained when they are float constants of the file. */
  parameters?(node: Node): readonly number[];
  /** Positions of the inputs that are running statistics: not trained, but replaced after a batch. */
  statistics?(node: Node): readonly number[];
  /** Positions of the inputs that are upper limits of an activation, trained only on demand. */
  limits?(node: Node): readonly number[];
  /**
   * For an affine map y = Wx + b of its one dependent input: Σ_j w_ij² v_j, where v (shape of the input) stands in the
   * dependent operand. On v = 1 these are squared row norms. Elementwise maps and those that move entries qualify too.
   */
  squaredRows?(node: Node, operands: TrainingOperands, context: TrainingContext): tfjs.Tensor;
  /** For an affine map with an offset: Wx. Absent where b = 0. */
  linear?(node: Node, operands: TrainingOperands, context: TrainingContext): tfjs.Tensor;
  /**
   * Whether a row of W combines entries of x, or an entry of x reaches several rows. The squared rows of a composition
   * are the composition of the squared rows as long as at most one of the maps does.
   */
  mixes?(node: Node): boolean;
  /**
   * For an elementwise activation φ: the largest secant slope sup_{0<|t|<=reach} |φ(z+t) - φ(z)| / |t| at each element,
   * differentiable in z and reach (certificates: secant bound). `z` and `reach` have the input's shape; reach > 0.
   */
  secantSlope?(
    node: Node,
    operands: TrainingOperands,
    context: TrainingContext,
    z: tfjs.Tensor,
    reach: tfjs.Tensor,
  ): tfjs.Tensor;
  /** For an elementwise activation: 1 where φ can vary on [z - reach, z + reach], else 0 (SPLITZ eq. 18). */
  variesWithin?(
    node: Node,
    operands: TrainingOperands,
    context: TrainingContext,
    z: tfjs.Tensor,
    reach: tfjs.Tensor,
  ): tfjs.Tensor;
}

/** The training forms of one operator file, by ONNX operator type. Types that are missing are refused by `train`. */
export type TrainingForms = { readonly [type: string]: TrainingForm };
