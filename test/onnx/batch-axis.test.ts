/**
 * The axis of the rows, followed through every operator that has a rule: an example that keeps rows apart, and one that
 * mixes or moves them. Then random graphs: where the rows are said to keep apart, they do, whatever they are.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../src/inspection/inspection.ts';
import { whereRowsMix } from '../../src/onnx/intake/batch-axis.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { measureShapes } from '../../src/onnx/intake/shapes.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import {
  type AttributeProto,
  AttributeType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/model/proto.ts';
import { withSession } from '../../src/onnx/runtime/session.ts';
import { noShared, sharedFolder, titled } from './shared.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
  twoLayers,
  weights,
} from './tiny-model.ts';

const verdict = async (proto: ModelProto): Promise<string | null> => {
  const model = modelFromBytes(encodeModel(proto), 'tiny.onnx');
  return whereRowsMix(model, await measureShapes({ model, batchable: false }));
};

const text = (name: string, value: string): AttributeProto => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});
const axes = (...list: number[]): AttributeProto => intsAttr('axes', list);
const axis = (at: number): AttributeProto => intAttr('axis', at);
const keep = (flag: number): AttributeProto => intAttr('keepdims', flag);
const perm = (...list: number[]): AttributeProto => intsAttr('perm', list);
const ints = (name: string, ...values: number[]): TensorProto => intTensor(name, values);
const scalar = (name: string, value: number): TensorProto => intTensor(name, [value]);
const bytes = (name: string, dims: number[], type: number = DataType.UINT8): TensorProto => {
  const count = dims.reduce((a, b) => a * b, 1);
  return { name, dataType: type, dims, rawData: Uint8Array.from({ length: count }, (_, k) => 1 + (k % 5)) };
};
const op = (
  type: string,
  inputs: string,
  output: string,
  ...attribute: readonly AttributeProto[]
): NodeProto =>
  node(
    type,
    inputs.split(' ').map((name) => (name === '_' ? '' : name)),
    output.split(' '),
    { attribute: [...attribute] },
  );
const microsoft = (made: NodeProto): NodeProto => ({ ...made, domain: 'com.microsoft' });

type Case = readonly [
  name: string,
  /** Dimensions of one row. */
  row: readonly number[],
  nodes: readonly NodeProto[],
  initializers?: readonly TensorProto[],
  opset?: number,
];

function protoOf([, row, nodes, initializers = [], opset = 17]: Case): ModelProto {
  const proto = tinyProto({
    nodes: [...nodes],
    initializers: [...initializers],
    input: ['N', ...row],
    outputs: [{ name: 'y' }],
    opset,
  });
  return { ...proto, opsetImport: [...(proto.opsetImport ?? []), { domain: 'com.microsoft', version: 1 }] };
}

const quantised: readonly TensorProto[] = [
  floatTensor('s', [], [0.1]),
  { name: 'z', dataType: DataType.UINT8, dims: [], rawData: Uint8Array.of(3) },
];
const toBytes = op('QuantizeLinear', 'x s z', 'q');
const back = op('DequantizeLinear', 'r s z', 'y');

const KEPT: readonly Case[] = [
  ['a constant broadcast along the rows', [4], [op('Add', 'x b', 'y')], [weights('b', [1, 4])]],
  ['a constant of lower rank', [3, 4], [op('Mul', 'x b', 'y')], [weights('b', [3, 4])]],
  ['two values of the same rows', [4], [op('Relu', 'x', 'r'), op('Max', 'x r', 'y')]],
  [
    'rows in a value of lower rank, met where they are',
    [4],
    [
      op('ReduceSum', 'x one', 's', keep(0)),
      op('Transpose', 'x', 't'),
      op('Add', 's t', 'u'),
      op('Transpose', 'u', 'y'),
    ],
    [ints('one', 1)],
  ],
  ['Where', [4], [op('Greater', 'x b', 'g'), op('Where', 'g x b', 'y')], [weights('b', [4])]],
  ['Gemm', [4], [op('Gemm', 'x w b', 'y')], [weights('w', [4, 3]), weights('b', [3])]],
  [
    'Gemm of columns',
    [4],
    [op('Transpose', 'x', 't'), op('Gemm', 't w', 'y', intAttr('transA', 1))],
    [weights('w', [4, 3])],
  ],
  [
    'Gemm with rows on the right',
    [4],
    [op('Transpose', 'x', 't'), op('Gemm', 'w t', 'p'), op('Transpose', 'p', 'y')],
    [weights('w', [3, 4])],
  ],
  ['Gemm, rows added to it', [4], [op('Gemm', 'x w x', 'y')], [weights('w', [4, 4])]],
  ['MatMul', [3, 4], [op('MatMul', 'x w', 'y')], [weights('w', [4, 2])]],
  ['MatMul with a vector', [3, 4], [op('MatMul', 'x w', 'y')], [weights('w', [4])]],
  [
    'MatMul of matrices of the same row',
    [3, 4],
    [
      op('Transpose', 'x', 't', perm(0, 2, 1)),
      op('MatMul', 'x t', 'a'),
      op('Softmax', 'a', 'b'),
      op('MatMul', 'b x', 'y'),
    ],
  ],
  ['MatMul, a weight on the left', [4, 3], [op('MatMul', 'w x', 'y')], [weights('w', [2, 4])]],
  ['Einsum', [3, 4], [op('Einsum', 'x x', 'y', text('equation', 'bij,bkj->bik'))]],
  [
    'Conv and its kin',
    [2, 6, 6],
    [
      op('Conv', 'x w', 'c'),
      op('MaxPool', 'c', 'm', intsAttr('kernel_shape', [2, 2])),
      op('InstanceNormalization', 'm one one', 'i'),
      op('GlobalAveragePool', 'i', 'y'),
    ],
    [weights('w', [2, 2, 3, 3]), floatTensor('one', [2], [1, 1])],
  ],
  [
    'BatchNormalization',
    [2],
    [op('BatchNormalization', 'x a b m v', 'y')],
    ['a', 'b', 'm', 'v'].map((name) => floatTensor(name, [2], [1, 2])),
  ],
  ['DepthToSpace', [4, 2, 2], [op('DepthToSpace', 'x', 'y', intAttr('blocksize', 2))]],
  ['Resize by scales', [1, 2, 2], [op('Resize', 'x _ s', 'y')], [floatTensor('s', [4], [1, 1, 2, 2])]],
  [
    'Resize to sizes that count the rows',
    [1, 2, 2],
    [
      op('Shape', 'x', 'shape'),
      op('Slice', 'shape from to', 'rows'),
      op('Concat', 'rows size', 'sizes', axis(0)),
      op('Resize', 'x _ _ sizes', 'y', text('mode', 'linear')),
    ],
    [ints('from', 0), ints('to', 2), ints('size', 4, 4)],
  ],
  ['Softmax along the last axis', [4], [op('Softmax', 'x', 'y', axis(-1))]],
  ['Softmax from axis 1 on, as before operator set 13', [3, 4], [op('Softmax', 'x', 'y')], [], 11],
  ['LogSoftmax', [4], [op('LogSoftmax', 'x', 'y', axis(1))]],
  ['ReduceMean', [3, 4], [op('ReduceMean', 'x', 'y', axes(1, -1), keep(0))]],
  ['ReduceSum with axes as an operand', [4], [op('ReduceSum', 'x a', 'y')], [ints('a', -1)]],
  ['ReduceSum of nothing', [4], [op('ReduceSum', 'x', 'y', intAttr('noop_with_empty_axes', 1))]],
  ['ArgMax', [4], [op('ArgMax', 'x', 'a', axis(1)), op('Cast', 'a', 'y', intAttr('to', 1))]],
  ['LayerNormalization', [3, 4], [op('LayerNormalization', 'x a', 'y', axis(1))], [weights('a', [3, 4])]],
  ['LpNormalization', [4], [op('LpNormalization', 'x', 'y')]],
  ['MeanVarianceNormalization', [2, 2, 2], [op('MeanVarianceNormalization', 'x', 'y', axes(2, 3))]],
  ['TopK', [4], [op('TopK', 'x k', 'y i')], [scalar('k', 2)]],
  ['CumSum', [4], [op('CumSum', 'x a', 'y')], [scalar('a', 1)]],
  ['Reshape to rows of another shape', [2, 6], [op('Reshape', 'x t', 'y')], [ints('t', -1, 3, 4)]],
  ['Reshape that copies the rows', [2, 6], [op('Reshape', 'x t', 'y')], [ints('t', 0, -1)]],
  [
    'Reshape of rows into parts and back',
    [2, 6],
    [op('Reshape', 'x t', 'p'), op('Relu', 'p', 'r'), op('Softmax', 'r', 's'), op('Reshape', 's u', 'y')],
    [ints('t', -1, 6), ints('u', -1, 2, 6)],
  ],
  [
    'Reshape to a shape computed from the image',
    [2, 6],
    [
      op('Shape', 'x', 'shape'),
      op('Gather', 'shape zero', 'n', axis(0)),
      op('Unsqueeze', 'n ax', 'rows'),
      op('Concat', 'rows rest', 'target', axis(0)),
      op('Reshape', 'x target', 'y'),
    ],
    [{ name: 'zero', dataType: DataType.INT64, dims: [], int64Data: [0] }, ints('ax', 0), ints('rest', -1)],
  ],
  ['Flatten', [2, 6], [op('Flatten', 'x', 'y')]],
  [
    'Flatten of rows along a later axis',
    [2, 6],
    [
      op('Transpose', 'x', 't', perm(1, 0, 2)),
      op('Flatten', 't', 'f', axis(1)),
      op('Reshape', 'f target', 'u'),
      op('Transpose', 'u', 'y', perm(1, 0, 2)),
    ],
    [ints('target', 2, -1, 6)],
  ],
  [
    'Transpose there and back',
    [2, 3],
    [op('Transpose', 'x', 't', perm(2, 0, 1)), op('Transpose', 't', 'y', perm(1, 2, 0))],
  ],
  [
    'Squeeze and Unsqueeze',
    [1, 3],
    [op('Squeeze', 'x a', 's'), op('Unsqueeze', 's b', 'u'), op('Squeeze', 'u b', 'y')],
    [ints('a', 1), ints('b', 0)],
  ],
  ['Expand', [1, 3], [op('Expand', 'x t', 'y')], [ints('t', 1, 2, 3)]],
  [
    'Expand of a constant to as many rows',
    [4],
    [op('Shape', 'x', 'shape'), op('Expand', 'b shape', 'e'), op('Concat', 'x e', 'y', axis(1))],
    [weights('b', [1, 4])],
  ],
  [
    'ConstantOfShape of as many rows',
    [4],
    [op('Shape', 'x', 'shape'), op('ConstantOfShape', 'shape', 'e'), op('Add', 'x e', 'y')],
  ],
  ['Tile', [3], [op('Tile', 'x r', 'y')], [ints('r', 1, 2)]],
  ['Gather of columns', [4], [op('Gather', 'x i', 'y', axis(1))], [ints('i', 3, 0)]],
  [
    'Gather from a table',
    [4],
    [op('ArgMax', 'x', 'a', axis(1), keep(0)), op('Gather', 'table a', 'y')],
    [weights('table', [4, 3])],
  ],
  [
    'GatherElements',
    [4],
    [op('TopK', 'x k', 'v i'), op('GatherElements', 'x i', 'y', axis(1))],
    [scalar('k', 2)],
  ],
  ['Concat of columns', [4], [op('Relu', 'x', 'r'), op('Concat', 'x r', 'y', axis(-1))]],
  ['Split of columns', [4], [op('Split', 'x', 'a b', axis(1)), op('Add', 'a b', 'y')]],
  [
    'Slice of columns, of all rows',
    [4],
    [op('Slice', 'x f t', 'y')],
    [ints('f', 0, 1), ints('t', 2 ** 31 - 1, 3)],
  ],
  ['Pad of columns', [4], [op('Pad', 'x p', 'y')], [ints('p', 0, 1, 0, 2)]],
  [
    'OneHot',
    [4],
    [op('ArgMax', 'x', 'a', axis(1), keep(0)), op('OneHot', 'a d v', 'y')],
    [scalar('d', 4), weights('v', [2])],
  ],
  ['Trilu', [3, 3], [op('Trilu', 'x', 'y')]],
  [
    'GridSample',
    [1, 2, 2],
    [
      op('Transpose', 'x', 't', perm(0, 2, 3, 1)),
      op('Concat', 't t', 'g', axis(3)),
      op('GridSample', 'x g', 'y'),
    ],
  ],
  ['Dropout', [4], [op('Dropout', 'x', 'y')]],
  ['QuantizeLinear and back', [4], [toBytes, op('DequantizeLinear', 'q s z', 'y')], quantised],
  [
    'DequantizeLinear of a weight',
    [4],
    [op('DequantizeLinear', 'w s z', 'd'), op('MatMul', 'x d', 'y')],
    [...quantised, bytes('w', [4, 3])],
  ],
  [
    'QLinearConv',
    [1, 3, 3],
    [toBytes, op('QLinearConv', 'q s z w s z s z', 'r'), back],
    [...quantised, bytes('w', [1, 1, 2, 2])],
  ],
  [
    'QLinearMatMul',
    [4],
    [toBytes, op('QLinearMatMul', 'q s z w s z s z', 'r'), back],
    [...quantised, bytes('w', [4, 2])],
  ],
  [
    'MatMulInteger',
    [4],
    [toBytes, op('MatMulInteger', 'q w z', 'r'), op('Cast', 'r', 'y', intAttr('to', 1))],
    [...quantised, bytes('w', [4, 2])],
  ],
  [
    'ConvInteger',
    [1, 3, 3],
    [toBytes, op('ConvInteger', 'q w z', 'r'), op('Cast', 'r', 'y', intAttr('to', 1))],
    [...quantised, bytes('w', [1, 1, 2, 2])],
  ],
  ['QLinearAdd', [4], [toBytes, microsoft(op('QLinearAdd', 'q s z q s z s z', 'r')), back], quantised],
  [
    'QLinearConcat',
    [4],
    [toBytes, microsoft(op('QLinearConcat', 's z q s z q s z', 'r', axis(1))), back],
    quantised,
  ],
  [
    'QGemm',
    [4],
    [toBytes, microsoft(op('QGemm', 'q s z w s z _ s z', 'r')), back],
    [...quantised, bytes('w', [4, 2])],
  ],
  ['QLinearSigmoid', [4], [toBytes, microsoft(op('QLinearSigmoid', 'q s z s z', 'r')), back], quantised],
  ['Gelu of the com.microsoft domain', [4], [microsoft(op('Gelu', 'x', 'y'))]],
  [
    'SkipLayerNormalization',
    [2, 4],
    [microsoft(op('SkipLayerNormalization', 'x x g', 'y'))],
    [weights('g', [4])],
  ],
  [
    'FusedConv',
    [1, 3, 3],
    [microsoft(op('FusedConv', 'x w', 'y', text('activation', 'Relu')))],
    [weights('w', [1, 1, 2, 2])],
  ],
  [
    'a layer of constants that nobody folded',
    [4],
    [op('Transpose', 'w', 't'), op('MatMul', 'x t', 'y')],
    [weights('w', [3, 4])],
  ],
];

/** Name, row, nodes, initializers, opset, and what is said of the node that loses the rows. */
const LOST: readonly (readonly [Case, RegExp])[] = [
  [
    ['a constant for each row', [4], [op('Add', 'x b', 'y')], [weights('b', [3, 1])]],
    /Add .* constant of length 3 along/,
  ],
  [
    [
      'rows across rows',
      [4],
      [op('ReduceSum', 'x one', 's', keep(0)), op('Add', 's x', 'y')],
      [ints('one', 1)],
    ],
    /Add .* another axis of another/,
  ],
  [
    [
      'rows of lower rank met by a constant',
      [4],
      [op('ReduceSum', 'x one', 's', keep(0)), op('Add', 's b', 'y')],
      [ints('one', 1), weights('b', [4])],
    ],
    /Add .* constant of length 4 along/,
  ],
  [
    [
      'Gemm of the transposed rows',
      [4],
      [op('Gemm', 'x w', 'y', intAttr('transA', 1))],
      [weights('w', [1, 4])],
    ],
    /Gemm .* sums over/,
  ],
  [['Gemm of rows by rows', [4], [op('Gemm', 'x x', 'y', intAttr('transB', 1))]], /Gemm .* multiplies rows/],
  [
    [
      'Gemm, other rows added',
      [1],
      [op('Transpose', 'x', 't'), op('Gemm', 'x w t', 'y')],
      [weights('w', [1, 1])],
    ],
    /Gemm .* not of the same row/,
  ],
  [
    [
      'MatMul over the batch',
      [4],
      [op('Transpose', 'x', 't'), op('MatMul', 't w', 'y')],
      [weights('w', [1, 3])],
    ],
    /MatMul .* sums over/,
  ],
  [
    ['MatMul of rows by rows', [4], [op('Transpose', 'x', 't'), op('MatMul', 'x t', 'y')]],
    /MatMul .* multiplies rows/,
  ],
  [
    ['MatMul over rows on the right', [4], [op('MatMul', 'w x', 'y')], [weights('w', [3, 1])]],
    /MatMul .* sums over/,
  ],
  [
    ['MatMul with a matrix for every row', [3, 4], [op('MatMul', 'x w', 'y')], [weights('w', [2, 4, 3])]],
    /MatMul .* one matrix for every row/,
  ],
  [
    ['Einsum over the batch', [4], [op('Einsum', 'x', 'y', text('equation', 'bi->i'))]],
    /Einsum .* sums over/,
  ],
  [
    ['Einsum of rows by rows', [4], [op('Einsum', 'x x', 'y', text('equation', 'bi,ci->bc'))]],
    /Einsum .* different letters/,
  ],
  [
    ['Einsum of a diagonal', [1], [op('Einsum', 'x', 'y', text('equation', 'bb->b'))]],
    /Einsum .* names another axis/,
  ],
  [
    ['Einsum with an ellipsis', [4], [op('Einsum', 'x', 'y', text('equation', '...i->...'))]],
    /Einsum .* letters only/,
  ],
  [
    [
      'Conv along the rows',
      [2, 6],
      [op('Transpose', 'x', 't', perm(1, 0, 2)), op('Conv', 't w', 'y')],
      [weights('w', [2, 1, 3])],
    ],
    /Conv .* axis 1/,
  ],
  [
    [
      'InstanceNormalization along the rows',
      [2, 6],
      [op('Transpose', 'x', 't', perm(1, 2, 0)), op('InstanceNormalization', 't o o', 'y')],
      [floatTensor('o', [6], [1, 1, 1, 1, 1, 1])],
    ],
    /InstanceNormalization .* axis 2/,
  ],
  [
    [
      'MaxPool whose places are read',
      [1, 4, 4],
      [op('MaxPool', 'x', 'm i', intsAttr('kernel_shape', [2, 2])), op('Cast', 'i', 'y', intAttr('to', 1))],
    ],
    /MaxPool .* positions in the whole batch/,
  ],
  [
    ['Resize of the batch', [1, 2, 2], [op('Resize', 'x _ s', 'y')], [floatTensor('s', [4], [2, 1, 1, 1])]],
    /Resize .* by a scale/,
  ],
  [
    ['Resize to a size of the batch', [1, 2, 2], [op('Resize', 'x _ _ s', 'y')], [ints('s', 1, 1, 4, 4)]],
    /Resize .* to a size/,
  ],
  [
    [
      'Resize of few axes',
      [4],
      [op('Resize', 'x _ s', 'y', text('mode', 'linear'))],
      [floatTensor('s', [2], [1, 2])],
    ],
    /Resize .* between the first axes/,
  ],
  [
    [
      'Resize by shifted places',
      [1, 2, 2],
      [op('Resize', 'x _ s', 'y', text('coordinate_transformation_mode', 'tf_half_pixel_for_nn'))],
      [floatTensor('s', [4], [1, 1, 2, 2])],
    ],
    /Resize .* interpolates by nearest/,
  ],
  [['Softmax over the batch', [4], [op('Softmax', 'x', 'y', axis(0))]], /Softmax .* over the batch/],
  [
    ['Softmax from axis 0 on', [3, 4], [op('Softmax', 'x', 'y', axis(0))], [], 11],
    /Softmax .* over the batch/,
  ],
  [
    [
      'Softmax from an axis before the rows on',
      [3, 4],
      [op('Transpose', 'x', 't', perm(1, 2, 0)), op('Softmax', 't', 'y', axis(1))],
      [],
      11,
    ],
    /Softmax .* over the batch/,
  ],
  [
    ['ReduceMean over the batch', [4], [op('ReduceMean', 'x', 'm', axes(0)), op('Sub', 'x m', 'y')]],
    /ReduceMean .* reduces over/,
  ],
  [
    ['ReduceMean over all', [4], [op('ReduceMean', 'x', 'm'), op('Sub', 'x m', 'y')]],
    /ReduceMean .* reduces over/,
  ],
  [
    [
      'ReduceSum over all by an empty list',
      [4],
      [op('ReduceSum', 'x a', 'm'), op('Sub', 'x m', 'y')],
      [ints('a')],
    ],
    /ReduceSum .* reduces over/,
  ],
  [
    [
      'ReduceMax over the batch, counted from the end',
      [4],
      [op('ReduceMax', 'x', 'm', axes(-2)), op('Sub', 'x m', 'y')],
    ],
    /ReduceMax .* reduces over/,
  ],
  [
    [
      'ArgMax over the batch',
      [4],
      [op('ArgMax', 'x', 'a'), op('Cast', 'a', 'f', intAttr('to', 1)), op('Add', 'x f', 'y')],
    ],
    /ArgMax .* reduces over/,
  ],
  [
    [
      'LayerNormalization over the batch',
      [4],
      [op('LayerNormalization', 'x a', 'y', axis(0))],
      [weights('a', [4])],
    ],
    /LayerNormalization .* normalises/,
  ],
  [
    [
      'LayerNormalization with a scale for each part of a row',
      [4],
      [op('Reshape', 'x t', 'p'), op('LayerNormalization', 'p a', 'r'), op('Reshape', 'r u', 'y')],
      [ints('t', -1, 2), ints('u', -1, 4), weights('a', [2, 2])],
    ],
    /LayerNormalization .* constant of length 2/,
  ],
  [
    ['LpNormalization over the batch', [4], [op('LpNormalization', 'x', 'y', axis(0))]],
    /LpNormalization .* over the batch/,
  ],
  [
    ['MeanVarianceNormalization by default', [2, 2, 2], [op('MeanVarianceNormalization', 'x', 'y')]],
    /MeanVarianceNormalization .* over the batch/,
  ],
  [
    [
      'TopK along the batch',
      [4],
      [op('TopK', 'x k', 'v i', axis(0)), op('Add', 'x v', 'y')],
      [scalar('k', 1)],
    ],
    /TopK .* sorts/,
  ],
  [['CumSum along the batch', [4], [op('CumSum', 'x a', 'y')], [scalar('a', 0)]], /CumSum .* sums along/],
  [
    [
      'Reshape of the batch to one row',
      [4],
      [op('Reshape', 'x t', 'r'), op('Softmax', 'r', 's'), op('Reshape', 's u', 'y')],
      [ints('t', 1, -1), ints('u', -1, 4)],
    ],
    /Softmax .* over the batch|Reshape .* moves numbers/,
  ],
  [
    ['Reshape across rows', [4], [op('Transpose', 'x', 't'), op('Reshape', 't u', 'y')], [ints('u', -1, 4)]],
    /Reshape .* moves numbers/,
  ],
  [
    ['Reshape to a fixed size', [4], [op('Reshape', 'x t', 'y')], [ints('t', 1, 4)]],
    /Reshape .* does not grow/,
  ],
  [
    [
      'Reshape that copies another axis',
      [2, 2],
      [op('Transpose', 'x', 't', perm(1, 0, 2)), op('Reshape', 't u', 'y')],
      [ints('u', 0, -1)],
    ],
    /output 'y'/,
  ],
  [
    [
      'Reshape to a shape of arithmetic',
      [4],
      [op('Shape', 'x', 's'), op('Mul', 's two', 'd'), op('Div', 'd two', 't'), op('Reshape', 'x t', 'y')],
      [ints('two', 2, 2)],
    ],
    /Mul .* number of rows/,
  ],
  [
    [
      'parts of rows combined with rows',
      [2, 2],
      [op('Reshape', 'x t', 'p'), op('Reshape', 'x u', 'q'), op('MatMul', 'q w', 'r'), op('Add', 'p r', 'y')],
      [ints('t', -1, 2), ints('u', -1, 4), weights('w', [4, 2])],
    ],
    /Add .* with parts of rows/,
  ],
  [
    [
      'Flatten of everything',
      [4],
      [op('Flatten', 'x', 'f', axis(0)), op('Softmax', 'f', 's'), op('Reshape', 's u', 'y')],
      [ints('u', -1, 4)],
    ],
    /Softmax .* over the batch/,
  ],
  [
    [
      'Flatten across rows',
      [2, 3],
      [op('Transpose', 'x', 't', perm(1, 0, 2)), op('Flatten', 't', 'f', axis(2)), op('Reshape', 'f u', 'y')],
      [ints('u', -1, 6)],
    ],
    /Flatten .* moves numbers/,
  ],
  [
    ['Squeeze of the batch', [3], [op('Squeeze', 'x a', 's'), op('Unsqueeze', 's a', 'y')], [ints('a', 0)]],
    /Squeeze .* removes the batch axis/,
  ],
  [['Squeeze of whatever has length 1', [1, 3], [op('Squeeze', 'x', 'y')]], /Squeeze .* does not say/],
  [['Expand of the batch', [3], [op('Expand', 'x t', 'y')], [ints('t', 4, 3)]], /Expand .* along the batch/],
  [
    [
      'Expand by the number of rows',
      [1, 3],
      [op('Shape', 'x', 's'), op('Gather', 's i', 't', axis(0)), op('Expand', 'x t', 'y')],
      [ints('i', 0, 0, 2)],
    ],
    /Expand .* number of rows/,
  ],
  [['Tile of the batch', [3], [op('Tile', 'x r', 'y')], [ints('r', 2, 1)]], /Tile .* repeats the rows/],
  [
    ['Gather of rows', [4], [op('Gather', 'x i', 'g', axis(0)), op('Add', 'x g', 'y')], [ints('i', 0)]],
    /Gather .* selects rows/,
  ],
  [
    [
      'Gather by other rows',
      [4],
      [op('ArgMax', 'x', 'a', axis(1), keep(0)), op('Gather', 'x a', 'y', axis(1))],
    ],
    /Gather .* by other rows/,
  ],
  [
    [
      'GatherElements along the rows',
      [4],
      [op('ArgMax', 'x', 'a', axis(1)), op('Sub', 'a a', 'z'), op('GatherElements', 'x z', 'y')],
    ],
    /GatherElements .* selects rows/,
  ],
  [
    [
      'GatherElements by a constant',
      [4],
      [op('GatherElements', 'x i', 'g', axis(1)), op('Add', 'x g', 'y')],
      [{ name: 'i', dataType: DataType.INT64, dims: [1, 1], int64Data: [2] }],
    ],
    /GatherElements .* not those of its indices/,
  ],
  [['Concat of rows', [4], [op('Concat', 'x x', 'y', axis(0))]], /Concat .* along the batch axis/],
  [
    ['Concat with a constant', [4], [op('Concat', 'x b', 'y', axis(1))], [weights('b', [1, 2])]],
    /Concat .* something else/,
  ],
  [
    ['Split of rows', [4], [op('Split', 'x', 'a', axis(0)), op('Relu', 'a', 'y')]],
    /Split .* splits the batch/,
  ],
  [
    ['Slice of rows', [4], [op('Slice', 'x f t', 'g'), op('Add', 'x g', 'y')], [ints('f', 0), ints('t', 1)]],
    /Slice .* selects rows/,
  ],
  [
    [
      'Slice of rows backwards',
      [4],
      [op('Slice', 'x f t a s', 'y')],
      [ints('f', -1), ints('t', -(2 ** 31)), ints('a', 0), ints('s', -1)],
    ],
    /Slice .* selects rows/,
  ],
  [
    [
      'Slice up to an end that a cast turns around',
      [4],
      [
        op('Cast', 'f', 'f32', intAttr('to', 6)),
        op('Cast', 't', 't32', intAttr('to', 6)),
        op('Slice', 'x f32 t32', 'y'),
      ],
      [ints('f', 0), ints('t', 2 ** 32 + 1)],
    ],
    /Slice .* in advance/,
  ],
  [
    [
      'Slice up to as many columns as rows',
      [4],
      [op('Shape', 'x', 'shape'), op('Slice', 'shape zero one', 'n'), op('Slice', 'x zero n one', 'y')],
      [ints('zero', 0), ints('one', 1)],
    ],
    /Slice .* counts the rows/,
  ],
  [['Pad of rows', [4], [op('Pad', 'x p', 'y')], [ints('p', 1, 0, 0, 0)]], /Pad .* pads the batch/],
  [['Trilu over the rows', [4], [op('Trilu', 'x', 'y')]], /Trilu .* triangle/],
  [
    [
      'a table that is as long as the batch',
      [4],
      [
        op('Shape', 'x', 's'),
        op('Expand', 't s', 'e'),
        op('GatherElements', 'e i', 'g'),
        op('Add', 'x g', 'y'),
      ],
      [weights('t', [1, 4]), { name: 'i', dataType: DataType.INT64, dims: [1, 1], int64Data: [0] }],
    ],
    /GatherElements/,
  ],
  [
    [
      'QuantizeLinear with a scale for each part of a row',
      [4],
      [
        op('Reshape', 'x t', 'p'),
        op('QuantizeLinear', 'p u v', 'q', axis(0)),
        op('DequantizeLinear', 'q s z', 'y'),
      ],
      [...quantised, ints('t', -1), weights('u', [4]), bytes('v', [4])],
    ],
    /QuantizeLinear .* scale of its own/,
  ],
  [
    [
      'DynamicQuantizeLinear',
      [4],
      [op('DynamicQuantizeLinear', 'x', 'q s z'), op('DequantizeLinear', 'q s z', 'y')],
    ],
    /DynamicQuantizeLinear .* all rows/,
  ],
  [
    [
      'QLinearMatMul with a scale for each column, the columns parts of rows',
      [4],
      [
        op('Reshape', 'x t', 'p'),
        op('QuantizeLinear', 'p s z', 'q'),
        op('Transpose', 'q', 'c'),
        op('QLinearMatMul', 'w s z c u v s z', 'r'),
        back,
      ],
      [
        ...quantised,
        ints('t', -1, 2),
        bytes('w', [3, 2]),
        floatTensor('u', [2], [0.1, 0.2]),
        bytes('v', [2]),
      ],
    ],
    /QLinearMatMul .* more than one number/,
  ],
  [
    [
      'QLinearConcat of rows',
      [4],
      [toBytes, microsoft(op('QLinearConcat', 's z q s z q s z', 'r', axis(0))), back],
      quantised,
    ],
    /QLinearConcat .* along the batch/,
  ],
  [
    [
      'arithmetic with the number of rows',
      [4],
      [
        op('Shape', 'x', 's'),
        op('Gather', 's zero', 'n', axis(0)),
        op('Cast', 'n', 'f', intAttr('to', 1)),
        op('Div', 'x f', 'y'),
      ],
      [ints('zero', 0)],
    ],
    /Cast .* number of rows/,
  ],
  [
    ['Size', [4], [op('Size', 'x', 'n'), op('Cast', 'n', 'f', intAttr('to', 1)), op('Div', 'x f', 'y')]],
    /Size .* no rule/,
  ],
  [
    [
      'rows numbered',
      [4],
      [
        op('Shape', 'x', 's'),
        op('Gather', 's z', 'n', axis(0)),
        op('Range', 'z n o', 'r'),
        op('Cast', 'r', 'f', intAttr('to', 1)),
        op('Unsqueeze', 'f one', 'u'),
        op('Add', 'x u', 'y'),
      ],
      [
        ...['z', 'o'].map((name, k) => ({ name, dataType: DataType.INT64, dims: [], int64Data: [k] })),
        ints('one', 1),
      ],
    ],
    /Range .* number of rows/,
  ],
  [
    [
      'NonZero',
      [4],
      [
        op('NonZero', 'x', 'n'),
        op('Cast', 'n', 'f', intAttr('to', 1)),
        op('ReduceSum', 'f', 's'),
        op('Add', 'x s', 'y'),
      ],
    ],
    /NonZero .* no rule/,
  ],
  [
    [
      'a recurrent network',
      [1, 4],
      [op('LSTM', 'x w r', 'y', intAttr('hidden_size', 2))],
      [weights('w', [1, 8, 4]), weights('r', [1, 8, 2])],
    ],
    /LSTM .* no rule/,
  ],
  [
    [
      'an operator of the com.microsoft domain without a rule',
      [4],
      [microsoft(op('DynamicQuantizeMatMul', 'x w s z', 'y'))],
      [...quantised, bytes('w', [4, 3])],
    ],
    /DynamicQuantizeMatMul .* no rule/,
  ],
  [['scores along another axis', [4], [op('Transpose', 'x', 'y')]], /output 'y'/],
];

/** The scores of rows run together, and of each alone. */
async function runs(
  proto: ModelProto,
  row: readonly number[],
  rows: readonly Float32Array[],
): Promise<{ together: Float32Array; alone: Float32Array[] }> {
  return withSession(encodeModel(proto), 'tiny.onnx', async (session) => {
    const scores = async (some: readonly Float32Array[]): Promise<Float32Array> => {
      const data = Float32Array.from(some.flatMap((one) => [...one]));
      const [y] = (await session.run(new Map([['x', { data, dims: [some.length, ...row] }]]))).values();
      if (!y?.float32) throw new Error('the scores are not float32');
      return y.float32;
    };
    const alone: Float32Array[] = [];
    for (const one of rows) alone.push(await scores([one]));
    return { together: await scores(rows), alone };
  });
}

/** How far rows are from their values alone, in units of the largest of these. */
function coupling({ together, alone }: { together: Float32Array; alone: Float32Array[] }): number {
  const apart = alone.flatMap((one) => [...one]);
  if (apart.length !== together.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(1, ...apart.map(Math.abs));
  return Math.max(...apart.map((v, k) => Math.abs(v - (together[k] as number)))) / scale;
}

describe('rows are followed through', () => {
  it.each(KEPT.map((one) => [one[0], one] as const))('%s', async (_, one) => {
    const proto = protoOf(one);
    expect(await verdict(proto)).toBeNull();
    const size = one[1].reduce((a, b) => a * b, 1);
    const rows = [1, 2, 3].map((k) =>
      Float32Array.from({ length: size }, (_, i) => Math.sin(k * 7 + i * (1 + k))),
    );
    expect(coupling(await runs(proto, one[1], rows))).toBeLessThan(1e-5);
  });
});

describe('rows are lost in', () => {
  it.each(LOST.map(([one, why]) => [one[0], one, why] as const))('%s', async (_, one, why) => {
    const said = await verdict(protoOf(one));
    expect(said).toMatch(/^it may mix the rows of a batch: /);
    expect(said).toMatch(why);
  });

  it('a sub-graph', async () => {
    const branch = (name: string) => ({
      name,
      node: [op('Identity', 'x', name)],
      output: [{ name, type: { tensorType: { elemType: DataType.FLOAT } } }],
    });
    const choice = node('If', ['c'], 'y', {
      attribute: ['then_branch', 'else_branch'].map((name) => ({
        name,
        type: AttributeType.GRAPH,
        g: branch(name),
      })),
    });
    const c = { name: 'c', dataType: DataType.BOOL, dims: [], rawData: Uint8Array.of(1) };
    expect(await verdict(protoOf(['If', [4], [choice], [c]]))).toMatch(/If .* sub-graph/);
  });

  it('a local function whose body mixes them, named inside', async () => {
    const call = (body: NodeProto): ModelProto => {
      const proto = protoOf(['f', [4], [{ ...op('f', 'x', 'm'), domain: 'local' }, op('Sub', 'x m', 'y')]]);
      const opsetImport = [{ domain: '', version: 17 }];
      return {
        ...proto,
        opsetImport: [...(proto.opsetImport ?? []), { domain: 'local', version: 1 }],
        functions: [{ name: 'f', domain: 'local', input: ['a'], output: ['b'], node: [body], opsetImport }],
      };
    };
    expect(await verdict(call(op('ReduceMean', 'a', 'b', axes(0))))).toMatch(/ReduceMean .* reduces over/);
    expect(await verdict(call(op('ReduceMean', 'a', 'b', axes(1))))).toBeNull();
  });
});

describe('a classifier', () => {
  /** The mean over the batch, added where the largest mean of a row passes `threshold`. */
  const gated = (threshold: number, first: string | number): Parts => ({
    nodes: [
      op('ReduceMean', 'x', 'm', axes(0)),
      op('ReduceMax', 'm', 'top', axes(1)),
      op('Sub', 'top threshold', 'over'),
      op('Relu', 'over', 'gate'),
      op('Mul', 'm gate', 'g'),
      op('Add', 'x g', 'y'),
    ],
    initializers: [floatTensor('threshold', [], [threshold])],
    input: [first, 4],
    output: [first, 4],
  });

  it('that mixes rows only where no test looked runs them one at a time, and says at which node', async () => {
    for (const first of ['N', 1]) {
      const { batchable, whyNotBatchable, model } = await prepareClassifier(
        tinyModel(gated(5, first)),
        undefined,
        null,
      );
      expect(batchable).toBe(false);
      expect(whyNotBatchable).toMatch(/ReduceMean node .* reduces over the batch axis/);
      expect(model.graph.inputs[0]?.declaredShape).toEqual([1, 4]);
    }
  });

  it('that does not mix them runs any number together', async () => {
    const { batchable, whyNotBatchable } = await prepareClassifier(tinyModel(twoLayers), undefined, null);
    expect({ batchable, whyNotBatchable }).toEqual({ batchable: true, whyNotBatchable: null });
  });
});

describe.skipIf(noShared !== null)(titled('the case of a mean behind a gate'), () => {
  it('runs its rows one at a time, and its inspection says why', async () => {
    const { classifier, findings } = await inspectModel(`${sharedFolder}/cases/batch-mixing/mix.onnx`, {
      milliseconds: 0,
    });
    expect(classifier?.batchable).toBe(false);
    const told = findings.find(({ id }) => id === 'SPLITZ023');
    expect(told).toMatchObject({ severity: 'warning' });
    expect(told?.what).toMatch(
      /one at a time: .*ReduceMean node #\d+ \(output 'm'\) reduces over the batch axis/,
    );
  });
});

/** A step of a random graph on values of shape [N,2,3]; `mixes` where the rows may see each other. */
interface Move {
  readonly mixes: boolean;
  readonly nodes: (from: string, other: string, to: string) => NodeProto[];
}

const MOVES: readonly Move[] = [
  { mixes: false, nodes: (a, _, y) => [op('Tanh', a, y)] },
  { mixes: false, nodes: (a, b, y) => [op('Add', `${a} ${b}`, y)] },
  { mixes: false, nodes: (a, _, y) => [op('Mul', `${a} w23`, y)] },
  { mixes: false, nodes: (a, _, y) => [op('MatMul', `${a} w33`, y)] },
  { mixes: false, nodes: (a, _, y) => [op('Softmax', a, y, axis(1))] },
  { mixes: false, nodes: (a, _, y) => [op('ReduceMax', a, `${y}m`, axes(2)), op('Sub', `${a} ${y}m`, y)] },
  {
    mixes: false,
    nodes: (a, _, y) => [
      op('Reshape', `${a} flat`, `${y}f`),
      op('Softmax', `${y}f`, `${y}s`),
      op('Reshape', `${y}s back`, y),
    ],
  },
  {
    mixes: false,
    nodes: (a, _, y) => [
      op('Reshape', `${a} parts`, `${y}p`),
      op('LpNormalization', `${y}p`, `${y}s`),
      op('Reshape', `${y}s back`, y),
    ],
  },
  {
    mixes: false,
    nodes: (a, _, y) => [
      op('Transpose', a, `${y}t`, perm(1, 2, 0)),
      op('Softmax', `${y}t`, `${y}s`, axis(0)),
      op('Transpose', `${y}s`, y, perm(2, 0, 1)),
    ],
  },
  {
    mixes: false,
    nodes: (a, b, y) => [
      op('Transpose', b, `${y}t`, perm(0, 2, 1)),
      op('MatMul', `${a} ${y}t`, `${y}p`),
      op('MatMul', `${y}p ${a}`, `${y}q`),
      op('Tanh', `${y}q`, y),
    ],
  },
  // All of these read other rows, or the row's place in the batch.
  { mixes: true, nodes: (a, _, y) => [op('ReduceMean', a, `${y}m`, axes(0)), op('Sub', `${a} ${y}m`, y)] },
  { mixes: true, nodes: (a, _, y) => [op('Softmax', a, y, axis(0))] },
  { mixes: true, nodes: (a, _, y) => [op('CumSum', `${a} zero`, `${y}c`), op('Tanh', `${y}c`, y)] },
  {
    mixes: true,
    nodes: (a, _, y) => [op('Transpose', a, `${y}t`, perm(1, 0, 2)), op('Reshape', `${y}t back`, y)],
  },
  {
    mixes: true,
    nodes: (a, _, y) => [op('Gather', `${a} zero`, `${y}g`, axis(0)), op('Add', `${a} ${y}g`, y)],
  },
  {
    mixes: true,
    nodes: (a, _, y) => [
      op('Reshape', `${a} one`, `${y}r`),
      op('Softmax', `${y}r`, `${y}s`, axis(1)),
      op('Reshape', `${y}s back`, y),
    ],
  },
  {
    mixes: true,
    nodes: (a, _, y) => [
      op('Slice', `${a} zero last`, `${y}h`),
      op('ReduceSum', `${y}h zero`, `${y}u`),
      op('Add', `${a} ${y}u`, y),
    ],
  },
  // Only where the batch is bright on the average: behind a gate that no ordinary image opens.
  {
    mixes: true,
    nodes: (a, _, y) => [
      op('ReduceMean', 'x', `${y}m`),
      op('Sub', `${y}m level`, `${y}d`),
      op('Relu', `${y}d`, `${y}g`),
      op('ReduceMean', a, `${y}n`, axes(0)),
      op('Mul', `${y}n ${y}g`, `${y}p`),
      op('Add', `${a} ${y}p`, y),
    ],
  },
];

/** What the moves refer to. */
const CONSTANTS = [
  weights('w23', [2, 3]),
  weights('w33', [3, 3]),
  ints('flat', -1, 6),
  ints('back', -1, 2, 3),
  ints('parts', -1, 3),
  ints('one', 1, -1),
  scalar('zero', 0),
  scalar('last', -1),
  floatTensor('level', [], [4]),
];

const randomGraph = fc
  .array(
    fc.record({
      move: fc.oneof(
        { weight: 5, arbitrary: fc.nat({ max: 9 }) },
        { weight: 2, arbitrary: fc.nat({ max: MOVES.length - 1 }) },
      ),
      back: fc.nat({ max: 3 }),
      other: fc.nat({ max: 3 }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((steps) => {
    const values = ['x'];
    const latest = (back: number): string => values[Math.max(0, values.length - 1 - back)] as string;
    const nodes = steps.flatMap(({ move, back, other }, k) => {
      const made = (MOVES[move] as Move).nodes(latest(back), latest(other), `v${k}`);
      values.push(`v${k}`);
      return made;
    });
    nodes.push(op('Identity', values.at(-1) as string, 'y'));
    return protoOf(['random', [2, 3], nodes, CONSTANTS]);
  });

describe('random graphs', () => {
  it('that are said to keep rows apart do, for batches of every kind', async () => {
    let kept = 0;
    let coupled = 0;
    await fc.assert(
      fc.asyncProperty(randomGraph, fc.integer({ min: 1, max: 2 ** 30 }), async (proto, seed) => {
        const apart = (await verdict(proto)) === null;
        let worst = 0;
        for (const [rows, level, spread] of [
          [2, 0, 1],
          [5, 0.5, 0.5],
          [3, 8, 2],
        ] as const) {
          const batch = Array.from({ length: rows }, (_, k) =>
            Float32Array.from(
              { length: 6 },
              (_, i) => level + spread * Math.sin(seed * (k + 1) + 1.7 * i * (k + 2)),
            ),
          );
          worst = Math.max(worst, coupling(await runs(proto, [2, 3], batch)));
        }
        if (apart) {
          kept++;
          expect(worst).toBeLessThan(1e-5);
        } else if (worst > 1e-3) coupled++;
      }),
      { numRuns: 150, seed: 12 },
    );
    // Neither verdict is empty: most graphs without a mixing step pass, and most of the others really mix.
    expect(kept).toBeGreaterThan(40);
    expect(coupled).toBeGreaterThan(25);
  });

  it('without a step that mixes are followed, and never with one that is needed', async () => {
    for (const { mixes, nodes } of MOVES) {
      const proto = protoOf(['one', [2, 3], nodes('x', 'x', 'y'), CONSTANTS]);
      expect([(await verdict(proto)) === null, nodes('x', 'x', 'y')[0]?.opType]).toEqual([
        !mixes,
        nodes('x', 'x', 'y')[0]?.opType,
      ]);
    }
  });
});
