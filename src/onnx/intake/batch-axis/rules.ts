/**
 * The operators through which the rows of a batch can be followed, each with its rule. What is missing here has no rule:
 * recurrent networks, sub-graphs, scattering, sequences, and whatever ONNX or ONNX Runtime may add; the rows are lost there.
 */
import {
  along,
  argument,
  cumulate,
  layerNormalization,
  meanVariance,
  reduce,
  skipLayerNormalization,
  softmax,
} from './along-axes.ts';
import { broadcast, broadcastAt } from './broadcasting.ts';
import { batchNormalization, fusedConv, maxPool, perImage, resize } from './images.ts';
import { expand, flatten, reshape, squeeze, tile, transpose, unsqueeze } from './layouts.ts';
import { einsum, gemm, matMul, matMulInteger, quantisedGemm, quantisedMatMul } from './products.ts';
import { dynamic, quantisedConcat, scaled } from './quantised.ts';
import {
  castLike,
  concat,
  dropout,
  gather,
  gatherElements,
  oneHot,
  pad,
  sample,
  slice,
  split,
  triangle,
} from './selections.ts';
import type { Rule } from './step.ts';

const all = (rule: Rule, ...operators: readonly string[]): [string, Rule][] =>
  operators.map((operator) => [operator, rule]);

const STANDARD: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...all(broadcast, 'Abs', 'Acos', 'Acosh', 'Add', 'And', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitShift'),
  ...all(broadcast, 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'Cast', 'Ceil', 'Celu', 'Clip'),
  ...all(broadcast, 'Cos', 'Cosh', 'Div', 'Elu', 'Equal', 'Erf', 'Exp', 'Floor', 'Gelu', 'Greater'),
  ...all(broadcast, 'GreaterOrEqual', 'HardSigmoid', 'HardSwish', 'Identity', 'IsInf', 'IsNaN', 'LeakyRelu'),
  ...all(broadcast, 'Less', 'LessOrEqual', 'Log', 'Max', 'Mean', 'Min', 'Mish', 'Mod', 'Mul', 'Neg', 'Not'),
  ...all(broadcast, 'Or', 'PRelu', 'Pow', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign'),
  ...all(broadcast, 'Sin', 'Sinh', 'Softplus', 'Softsign', 'Sqrt', 'Sub', 'Sum', 'Swish', 'Tan', 'Tanh'),
  ...all(broadcast, 'ThresholdedRelu', 'Where', 'Xor'),
  ...all(perImage, 'AveragePool', 'Conv', 'ConvInteger', 'ConvTranspose', 'DepthToSpace'),
  ...all(perImage, 'GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool', 'GroupNormalization'),
  ...all(perImage, 'InstanceNormalization', 'LRN', 'LpPool', 'QLinearConv', 'SpaceToDepth'),
  ...all(resize, 'Resize', 'Upsample'),
  ['BatchNormalization', batchNormalization],
  ['MaxPool', maxPool],
  ...all(reduce, 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean'),
  ...all(reduce, 'ReduceMin', 'ReduceProd', 'ReduceSum', 'ReduceSumSquare'),
  ...all(argument, 'ArgMax', 'ArgMin'),
  ...all(softmax, 'Softmax', 'LogSoftmax', 'Hardmax'),
  ...all(layerNormalization, 'LayerNormalization', 'RMSNormalization'),
  ['LpNormalization', along('normalises over the batch axis', -1)],
  ['MeanVarianceNormalization', meanVariance],
  ['TopK', along('sorts along the batch axis', -1)],
  ['CumSum', cumulate],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['MatMulInteger', matMulInteger],
  ['QLinearMatMul', quantisedMatMul],
  ['Einsum', einsum],
  ...all(scaled, 'QuantizeLinear', 'DequantizeLinear'),
  ['DynamicQuantizeLinear', dynamic],
  ['Reshape', reshape],
  ['Flatten', flatten],
  ['Transpose', transpose],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Expand', expand],
  ['Tile', tile],
  ['Gather', gather],
  ['GatherElements', gatherElements],
  ['Concat', concat],
  ['Split', split],
  ['Slice', slice],
  ['Pad', pad],
  ['OneHot', oneHot],
  ['Trilu', triangle],
  ['GridSample', sample],
  ['Dropout', dropout],
  ['CastLike', castLike],
]);

/** Of the `com.microsoft` domain, what quantisers and optimisers write and whose rule is one of those above. */
const MICROSOFT: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...all(broadcast, 'BiasGelu', 'FastGelu', 'Gelu', 'QuickGelu'),
  ...all(broadcastAt(0, 3), 'QLinearAdd', 'QLinearMul'),
  ...all(broadcastAt(0), 'QLinearLeakyRelu', 'QLinearSigmoid'),
  ...all(perImage, 'QLinearAveragePool', 'QLinearGlobalAveragePool'),
  ...all(scaled, 'QuantizeLinear', 'DequantizeLinear'),
  ['FusedConv', fusedConv],
  ['QGemm', quantisedGemm],
  ['QLinearConcat', quantisedConcat],
  ['SkipLayerNormalization', skipLayerNormalization],
]);

export function ruleOf(domain: string, operator: string): Rule | null {
  const rules = domain === '' ? STANDARD : domain === 'com.microsoft' ? MICROSOFT : null;
  return rules?.get(operator) ?? null;
}

/** Operands that give shapes, where a count of the rows may occur. */
const LENGTHS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Expand', [1]],
  ['Reshape', [1]],
  ['Resize', [3]],
  ['Slice', [2]],
]);

export const lengthsOf = (domain: string, operator: string): readonly number[] =>
  (domain === '' ? LENGTHS.get(operator) : null) ?? [];
