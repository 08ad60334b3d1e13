/** All operators the left half may contain, by ONNX type. The coverage table of the documentation is generated from it. */
import { describeNode, type Node } from '../onnx/model/graph.ts';
import { arithmetic } from './arithmetic.ts';
import { batchNormalization } from './batch-normalization.ts';
import { convolution } from './convolution.ts';
import { depthSpace } from './depth-space.ts';
import { einsum } from './einsum.ts';
import { scattering } from './gather-scatter.ts';
import { gelus } from './gelus.ts';
import { hardSigmoids } from './hard-sigmoids.ts';
import { indexing } from './indexing.ts';
import { matrixProduct } from './matrix-product.ts';
import { extremes } from './max-min.ts';
import { normalizations } from './normalizations.ts';
import type { Operator, Role } from './operator.ts';
import { pad } from './pad.ts';
import { pooling } from './pooling.ts';
import { powers } from './powers.ts';
import { rectifiers } from './rectifiers.ts';
import { reduction } from './reduction.ts';
import { reshaping } from './reshape.ts';
import { resize } from './resize.ts';
import { jumps } from './shrink.ts';
import { sigmoids } from './sigmoids.ts';
import { saturating } from './smooth-activations.ts';
import { softmax } from './softmax.ts';
import { splitting } from './split.ts';
import { repeating } from './tile.ts';
import type { TrainingForm } from './training/form.ts';
import { transposedConvolution } from './transposed-convolution.ts';
import { triangles } from './trilu.ts';
import { choosing } from './where.ts';
import { windowValues } from './window-values.ts';

export const OPERATORS: readonly Operator[] = [
  arithmetic,
  batchNormalization,
  convolution,
  gelus,
  hardSigmoids,
  indexing,
  jumps,
  matrixProduct,
  pad,
  pooling,
  powers,
  rectifiers,
  reduction,
  reshaping,
  saturating,
  sigmoids,
  windowValues,
  triangles,
  transposedConvolution,
  splitting,
  scattering,
  resize,
  repeating,
  extremes,
  einsum,
  depthSpace,
  normalizations,
  softmax,
  choosing,
];

const byType = new Map(
  OPERATORS.flatMap((operator) => operator.types.map((type) => [type, operator] as const)),
);

/** The operator of a node, or null when the left half cannot contain it. */
export function operatorOf(node: Node): Operator | null {
  return node.domain === '' ? (byType.get(node.opType) ?? null) : null;
}

/** The role of a node in the choice of a split; null where it has none. */
export const roleOf = (node: Node): Role | null => operatorOf(node)?.roles?.[node.opType] ?? null;

/** Constant between jumps: where the ball reaches a jump, no factor bounds the change. */
const steps = new Set(['Ceil', 'Floor', 'Round', 'Sign']);

/** Why a node without an operator cannot be in the left half: one sentence for errors and `inspect`. */
export function whyUnsupported(node: Node): string {
  if (node.domain === '' && steps.has(node.opType))
    return `${describeNode(node)} is a step function: it jumps, so it has no Lipschitz bound`;
  return `${describeNode(node)} has no Lipschitz bound in this version`;
}

/** The differentiable form of a node, or null when `train` refuses it. */
export function trainingFormOf(node: Node): TrainingForm | null {
  return operatorOf(node)?.training?.[node.opType] ?? null;
}
