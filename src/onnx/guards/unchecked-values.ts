/**
 * ONNX Runtime uses some values of a file before validating them: it divides by them, indexes with them, allocates
 * that much memory. Values that no classifier needs are refused first, since they could end the process. Found in
 * version 1.30 by giving every operator extreme values (docs/robustness.md):
 *  1. an axis is within the ranks that tensors have (LayerNormalization crashes on an axis of 2^31, GatherND on
 *     batch_dims of -64);
 *  2. divisors are not 0 (the group of ConvTranspose, the heads of Attention), Split has as many outputs as it states,
 *     and the Attention of `com.microsoft` takes the sizes of its weights;
 *  3. every other integer of an attribute is at most 2^24 in size: no image has more numbers;
 *  4. the depth of OneHot, and every operand of an operator of the `com.microsoft` domain, holds numbers;
 *  5. operators whose operands go unchecked and that no image classifier needs are refused altogether: those of sound
 *     and text, of the `com.microsoft` domain all but what quantisers, optimisers and vision networks use, and the
 *     internal operators of ONNX Runtime.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Model } from '../model/model.ts';
import {
  type AttributeProto,
  allNodes,
  describeNodeProto,
  type NodeProto,
  normalDomain,
  type TensorProto,
  toNumber,
} from '../model/proto.ts';
import { constantTensors } from './determinism.ts';

const HIGHEST_RANK = 64;
const LARGEST = 2 ** 24;

const AXES = new Set(['axis', 'axes', 'batch_axis', 'time_axis', 'perm']);
const DIVISORS = new Set(['group', 'kv_num_heads', 'q_num_heads']);

/** Their integers may be arbitrary: values, and ends that mean "to the end". */
const ANYTHING = new Set(['Constant', 'Slice']);
/** Its integers are labels, keys and numbers of tree nodes. */
const MACHINE_LEARNING = 'ai.onnx.ml';

const SOUND_AND_TEXT = new Set(['STFT', 'TfIdfVectorizer']);

/** What the tools around ONNX Runtime write into classifiers; the others decode and generate text. */
const MICROSOFT = new Set([
  ...['Attention', 'BiasAdd', 'BiasGelu', 'BiasSoftmax', 'FastGelu', 'Gelu', 'MultiHeadAttention'],
  ...['QuickGelu', 'RelativePositionBias', 'SkipLayerNormalization', 'SkipSimplifiedLayerNormalization'],
  ...['FusedConv', 'FusedGemm', 'FusedMatMul', 'GroupNorm', 'NhwcFusedConv', 'NhwcMaxPool'],
  ...['TransposeMatMul', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat', 'MatMulNBits', 'QAttention'],
  ...['QGemm', 'QLinearAdd', 'QLinearAveragePool', 'QLinearConcat', 'QLinearConv'],
  ...['QLinearGlobalAveragePool', 'QLinearLeakyRelu', 'QLinearMul', 'QLinearReduceMean', 'QLinearSigmoid'],
  ...['QLinearSoftmax', 'QuantizeLinear', 'DequantizeLinear'],
]);
/** Written when an optimised model is saved: layouts of one machine. */
const INTERNAL = new Set(['com.microsoft.nchwc', 'com.ms.internal.nhwc']);

/** Throws ModelRefused naming the first node with such a value. Calls of local functions must be expanded. */
export function refuseUncheckedValues({ proto, path }: Model): void {
  const constants = constantTensors(proto);
  for (const node of allNodes(proto)) {
    const fault =
      faultOfOperator(node, constants) ??
      (node.attribute ?? []).map((a) => faultOfAttribute(node, a)).find((f) => f !== null) ??
      null;
    if (fault === null) continue;
    throw new ModelRefused({
      what: `${describeNodeProto(node)} ${fault.what}`,
      where: path,
      why: `${fault.why}, and ONNX Runtime uses it before validating it`,
      remedy: fault.remedy ?? 'Get the file again from its author: it is damaged or hostile.',
    });
  }
}

interface Fault {
  /** "has group = 0". */
  readonly what: string;
  readonly why: string;
  readonly remedy?: string;
}

function faultOfOperator(node: NodeProto, constants: ReadonlyMap<string, TensorProto>): Fault | null {
  const domain = normalDomain(node.domain);
  const type = node.opType ?? '';
  if (INTERNAL.has(domain)) {
    return {
      what: 'is an internal operator of ONNX Runtime',
      why: 'its memory layout is that of one machine',
      remedy: 'Use the file from before ONNX Runtime optimised it, or save it at a lower optimisation level.',
    };
  }
  if (domain === 'com.microsoft' ? !MICROSOFT.has(type) : domain === '' && SOUND_AND_TEXT.has(type)) {
    return {
      what: 'is for sound or text, or not for classifiers',
      why: 'damaged operands would end the process',
      remedy: 'Export the network in standard operators, without its pre- and post-processing.',
    };
  }
  const [empty] = (node.input ?? []).filter(
    (name, k) =>
      (domain === 'com.microsoft' || (domain === '' && type === 'OneHot' && k === 1)) &&
      constants.get(name)?.dims?.some((dim) => toNumber(dim) === 0),
  );
  return empty === undefined
    ? null
    : { what: `has an operand '${empty}' that holds nothing`, why: 'it needs numbers there' };
}

function faultOfAttribute(node: NodeProto, attribute: AttributeProto): Fault | null {
  if (normalDomain(node.domain) === MACHINE_LEARNING) return null;
  const name = attribute.name ?? '';
  const values = [
    ...(attribute.ints ?? []).map(toNumber),
    ...(Object.hasOwn(attribute, 'i') ? [toNumber(attribute.i)] : []),
  ];
  const first = (isWrong: (value: number) => boolean, why: string): Fault | null => {
    const value = values.find(isWrong);
    return value === undefined ? null : { what: `has ${name} = ${value}`, why };
  };
  if (name === 'batch_dims')
    return first((v) => !(v >= 0 && v <= HIGHEST_RANK), 'it counts the first axes of a tensor');
  if (name === 'qkv_hidden_sizes' && values.length > 0)
    return {
      what: 'has sizes of its own for query, key and value',
      why: 'they may not be those of its weights',
    };
  if (AXES.has(name)) return first((v) => Math.abs(v) > HIGHEST_RANK, 'no tensor has so many axes');
  if (DIVISORS.has(name)) {
    const fault = first((v) => !(v >= 1), 'it must be at least 1');
    if (fault !== null) return fault;
  }
  const outputs = node.output?.length ?? 0;
  if (name === 'num_outputs') return first((v) => v !== outputs, `its outputs are ${outputs}`);
  if (ANYTHING.has(node.opType ?? '') || name === 'seed') return null;
  return first((v) => !(Math.abs(v) <= LARGEST), `at most ${LARGEST} is supported`);
}
