/** What has no sound bound is refused by name: the node, the reason, the remedy. */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { floatTensor, intAttr, intsAttr, intTensor, node, weights } from '../onnx/tiny-model.ts';
import { compiled } from './compiled.ts';
import { floatAttr, stringAttr } from './one-operator.ts';

interface Refusal {
  readonly title: string;
  readonly nodes: NodeProto[];
  readonly initializers?: TensorProto[];
  readonly dims?: number[];
  readonly opset?: number;
  readonly says: RegExp;
}

const image = [1, 2, 5, 5];
const statistics = ['s', 'b', 'm', 'v'].map((name) => floatTensor(name, [2], [1, 2]));
const flag: TensorProto = { name: 'training', dataType: DataType.BOOL, dims: [], int32Data: [1] };

const refusals: Refusal[] = [
  {
    title: 'an operator without bound',
    nodes: [node('Hardmax', ['x'], 'y', { name: 'attention/Hardmax' })],
    says: /Hardmax node 'attention\/Hardmax' has no Lipschitz bound/,
  },
  {
    title: 'an operator of a foreign domain that shares a name',
    nodes: [node('Relu', ['x'], 'y', { name: 'r', domain: 'com.example' })],
    says: /com\.example\.Relu node 'r'/,
  },
  {
    title: 'a Gemm of two dependent tensors',
    nodes: [node('Transpose', ['x'], 't'), node('Gemm', ['x', 't'], 'y', { name: 'g' })],
    says: /Gemm node 'g': .*both depend on the input/,
  },
  {
    title: 'an Einsum of two dependent tensors',
    nodes: [
      node('Einsum', ['x', 'x'], 'y', { name: 'qk', attribute: [stringAttr('equation', 'bi,bj->bij')] }),
    ],
    says: /Einsum node 'qk': .*both depend on the input \(attention\)/,
  },
  {
    title: 'a normalisation whose scale depends on the input',
    nodes: [node('LayerNormalization', ['x', 'x'], 'y', { name: 'adaptive' })],
    says: /LayerNormalization node 'adaptive': its scale depends/,
  },
  {
    title: 'a normalisation by an l1 norm',
    nodes: [node('LpNormalization', ['x'], 'y', { name: 'l1', attribute: [intAttr('p', 1)] })],
    says: /LpNormalization node 'l1': p = 1 has no bound/,
  },
  {
    title: 'groups that do not divide the channels',
    nodes: [
      node('GroupNormalization', ['x', 's', 'b'], 'y', { name: 'gn', attribute: [intAttr('num_groups', 3)] }),
    ],
    initializers: statistics,
    dims: image,
    opset: 21,
    says: /GroupNormalization node 'gn': 3 groups do not divide 2 channels/,
  },
  {
    title: 'a quotient of whole constants that is rounded if they are integers',
    nodes: [node('Div', ['a', 'b'], 'q', { name: 'd' }), node('Mul', ['x', 'q'], 'y')],
    initializers: [floatTensor('a', [], [7]), floatTensor('b', [], [2])],
    says: /Div node 'd': .*rounding depends on their type/,
  },
  {
    title: 'a division by zero',
    nodes: [node('Div', ['x', 'z'], 'y', { name: 'd' })],
    initializers: [floatTensor('z', [4], [1, 0, 1, 1])],
    says: /Div node 'd': .*divides by zero/,
  },
  {
    title: 'BatchNormalization in training mode',
    nodes: [
      node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'y', {
        name: 'bn',
        attribute: [intAttr('training_mode', 1)],
      }),
    ],
    initializers: statistics,
    dims: image,
    says: /BatchNormalization node 'bn': .*training mode/,
  },
  {
    title: 'BatchNormalization with running statistics as outputs (training before opset 14)',
    nodes: [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y', 'm2', 'v2'], { name: 'bn' })],
    initializers: statistics,
    dims: image,
    opset: 9,
    says: /BatchNormalization node 'bn': .*training mode/,
  },
  {
    title: 'Dropout in training mode',
    nodes: [node('Dropout', ['x', '', 'training'], 'y', { name: 'drop' })],
    initializers: [flag],
    says: /Dropout node 'drop': .*training mode/,
  },
  {
    title: 'a cast to integers',
    nodes: [
      node('Cast', ['x'], 'i', { name: 'q', attribute: [intAttr('to', DataType.INT32)] }),
      node('Cast', ['i'], 'y', { attribute: [intAttr('to', DataType.FLOAT)] }),
    ],
    says: /Cast node 'q': a cast to INT32 is a step function/,
  },
  {
    title: 'a cast to half precision',
    nodes: [node('Cast', ['x'], 'y', { name: 'half', attribute: [intAttr('to', DataType.FLOAT16)] })],
    says: /Cast node 'half': a cast to FLOAT16/,
  },
  {
    title: 'a convolution in three dimensions',
    nodes: [node('Conv', ['x', 'w'], 'y', { name: 'c3' })],
    initializers: [weights('w', [1, 1, 2, 2, 2])],
    dims: [1, 1, 3, 3, 3],
    says: /Conv node 'c3': windows over 3 spatial axes/,
  },
  {
    title: 'a convolution whose kernel depends on the input',
    nodes: [node('Conv', ['x', 'x'], 'y', { name: 'dynamic' })],
    dims: image,
    says: /Conv node 'dynamic': its kernel depends on the network's input/,
  },
  {
    title: 'a convolution larger than its input',
    nodes: [node('Conv', ['x', 'w'], 'y', { name: 'big' })],
    initializers: [weights('w', [1, 2, 7, 7])],
    dims: image,
    says: /Conv node 'big': its window \(7\) does not fit/,
  },
  {
    title: 'a maximum over padding alone',
    nodes: [
      node('MaxPool', ['x'], 'y', {
        name: 'mp',
        attribute: [intsAttr('kernel_shape', [2]), intsAttr('dilations', [3]), intsAttr('pads', [1, 1])],
      }),
    ],
    dims: [1, 1, 2],
    says: /MaxPool node 'mp': one of its windows lies entirely in the padding/,
  },
  {
    title: 'the indices of MaxPool',
    nodes: [
      node('MaxPool', ['x'], ['y', 'where'], { name: 'mp', attribute: [intsAttr('kernel_shape', [2, 2])] }),
    ],
    dims: image,
    says: /MaxPool node 'mp': its second output/,
  },
  {
    title: 'an unknown padding mode',
    nodes: [node('Pad', ['x', 'p'], 'y', { name: 'odd', attribute: [stringAttr('mode', 'mirror')] })],
    initializers: [intTensor('p', [0, 1, 0, 1])],
    says: /Pad node 'odd': mode 'mirror'/,
  },
  {
    title: 'wrapping more than once around',
    nodes: [node('Pad', ['x', 'p'], 'y', { name: 'around', attribute: [stringAttr('mode', 'wrap')] })],
    initializers: [intTensor('p', [0, 9, 0, 9])],
    says: /Pad node 'around': it wraps beyond/,
  },
  {
    title: 'a choice of minus infinity',
    nodes: [node('Where', ['m', 'x', 'least'], 'y', { name: 'mask' })],
    initializers: [
      { name: 'm', dataType: DataType.BOOL, dims: [1], int32Data: [1] },
      floatTensor('least', [], [Number.NEGATIVE_INFINITY]),
    ],
    says: /Where node 'mask': it chooses values that are not finite/,
  },
  {
    title: 'a choice that depends on the input',
    nodes: [node('Greater', ['x', 't'], 'over'), node('Where', ['over', 'x', 't'], 'y', { name: 'choice' })],
    initializers: [floatTensor('t', [], [1])],
    says: /Greater node/,
  },
  {
    title: 'an index that depends on the input',
    nodes: [node('Gather', ['x', 'x'], 'y', { name: 'pick' })],
    says: /Gather node 'pick': its index depends/,
  },
  {
    title: 'a shape that depends on the input',
    nodes: [node('Reshape', ['x', 'x'], 'y', { name: 're' })],
    says: /Reshape node 're': its target shape depends/,
  },
  {
    title: 'an Einsum of two dependent tensors',
    nodes: [
      node('Einsum', ['x', 'x'], 'y', { name: 'qk', attribute: [stringAttr('equation', 'ni,nj->nij')] }),
    ],
    says: /Einsum node 'qk': .*depend on the input/,
  },
  {
    title: 'an antialiased resize',
    nodes: [
      node('Resize', ['x', '', 's'], 'y', {
        name: 'small',
        attribute: [stringAttr('mode', 'linear'), intAttr('antialias', 1)],
      }),
    ],
    initializers: [floatTensor('s', [4], [1, 1, 0.5, 0.5])],
    dims: image,
    opset: 18,
    says: /Resize node 'small': .*antialias/,
  },
  {
    title: 'a resize whose size depends on the input',
    nodes: [node('Resize', ['x', '', 'x'], 'y', { name: 'dynamic' })],
    dims: image,
    says: /Resize node 'dynamic': its scales depends/,
  },
  {
    title: 'an align_corners resize that runtimes disagree about',
    nodes: [
      node('Resize', ['x', '', 's'], 'y', {
        name: 'r',
        attribute: [
          stringAttr('mode', 'linear'),
          stringAttr('coordinate_transformation_mode', 'align_corners'),
        ],
      }),
    ],
    initializers: [floatTensor('s', [4], [1, 1, 0.5, 0.5])],
    dims: image,
    says: /Resize node 'r': align_corners .*different runtimes/,
  },
  {
    title: 'a transposed convolution in three dimensions',
    nodes: [node('ConvTranspose', ['x', 'w'], 'y', { name: 'up' })],
    initializers: [weights('w', [1, 1, 2, 2, 2])],
    dims: [1, 1, 3, 3, 3],
    says: /ConvTranspose node 'up': windows over 3 spatial axes/,
  },
  {
    title: 'a pool of p = 3',
    nodes: [
      node('LpPool', ['x'], 'y', {
        name: 'lp',
        attribute: [intsAttr('kernel_shape', [2, 2]), intAttr('p', 3)],
      }),
    ],
    dims: image,
    says: /LpPool node 'lp': p = 3/,
  },
  {
    title: 'a cell written twice',
    nodes: [node('ScatterElements', ['x', 'i', 'u'], 'y', { name: 'put', attribute: [intAttr('axis', 1)] })],
    initializers: [
      { name: 'i', dataType: DataType.INT64, dims: [1, 2], int64Data: [1, 1] },
      floatTensor('u', [1, 2], [1, 2]),
    ],
    says: /ScatterElements node 'put': it writes a cell twice/,
  },
  {
    title: 'the indices of TopK',
    nodes: [
      node('TopK', ['x', 'k'], ['v', 'i'], { name: 'top' }),
      node('Cast', ['i'], 'y', { attribute: [intAttr('to', DataType.FLOAT)] }),
    ],
    initializers: [intTensor('k', [2])],
    says: /TopK node 'top': its output 'i' has no Lipschitz bound/,
  },
  {
    title: 'a Clip without room',
    nodes: [node('Clip', ['x', 'low', 'high'], 'y', { name: 'clip' })],
    initializers: [floatTensor('low', [], [1]), floatTensor('high', [], [0])],
    says: /Clip node 'clip': its limits are empty/,
  },
  {
    title: 'a step function',
    nodes: [node('Sign', ['x'], 'y', { name: 'binary' })],
    says: /Sign node 'binary' is a step function/,
  },
  {
    title: 'a limit that is NaN',
    nodes: [node('Log', ['c'], 'l'), node('Min', ['x', 'l'], 'y', { name: 'm' })],
    initializers: [floatTensor('c', [4], [1, 2, -1, 3])],
    says: /Min node 'm': one of its constants is NaN/,
  },
  {
    title: 'an exponent that depends on the input',
    nodes: [node('Pow', ['two', 'x'], 'y', { name: 'p' })],
    initializers: [floatTensor('two', [], [2])],
    says: /Pow node 'p': its exponent depends/,
  },
  {
    title: 'a Celu that grows without limit',
    nodes: [node('Celu', ['x'], 'y', { name: 'c', attribute: [floatAttr('alpha', -1)] })],
    says: /Celu node 'c': alpha = -1/,
  },
  {
    title: 'a HardSigmoid without slope',
    nodes: [node('HardSigmoid', ['x'], 'y', { name: 'h', attribute: [floatAttr('alpha', 0)] })],
    says: /HardSigmoid node 'h': alpha = 0 makes it a constant/,
  },
  {
    title: 'an unknown approximation of Gelu',
    nodes: [node('Gelu', ['x'], 'y', { name: 'g', attribute: [stringAttr('approximate', 'fast')] })],
    opset: 20,
    says: /Gelu node 'g': approximate = 'fast' is not/,
  },
  {
    title: 'a Shrink whose pieces overlap',
    nodes: [node('Shrink', ['x'], 'y', { name: 's', attribute: [floatAttr('lambd', -1)] })],
    says: /Shrink node 's': lambd = -1 is negative/,
  },
  {
    title: 'automatic padding where windows skip cells',
    nodes: [
      node('MaxPool', ['x'], 'y', {
        name: 'p',
        attribute: [
          stringAttr('auto_pad', 'SAME_UPPER'),
          intsAttr('kernel_shape', [1]),
          intsAttr('strides', [4]),
        ],
      }),
    ],
    dims: [1, 1, 8],
    says: /MaxPool node 'p': runtimes disagree about auto_pad/,
  },
  {
    title: 'automatic padding of a pool with dilations',
    nodes: [
      node('MaxPool', ['x'], 'y', {
        name: 'p',
        attribute: [
          stringAttr('auto_pad', 'SAME_UPPER'),
          intsAttr('kernel_shape', [2]),
          intsAttr('dilations', [2]),
        ],
      }),
    ],
    dims: [1, 1, 8],
    says: /MaxPool node 'p': runtimes disagree about auto_pad of a pool with dilations/,
  },
  {
    title: 'scales that leave every length as it is',
    nodes: [
      node('Resize', ['x', '', 'scales'], 'y', { name: 'r', attribute: [stringAttr('mode', 'nearest')] }),
    ],
    initializers: [floatTensor('scales', [4], [1, 1, 1, 1.3])],
    dims: [1, 1, 4, 2],
    says: /Resize node 'r': runtimes disagree about scales/,
  },
  {
    title: 'a slice that goes backwards to the largest index',
    nodes: [node('Slice', ['x', 's', 'e', 'a', 'b'], 'y', { name: 's' })],
    initializers: [
      intTensor('s', [3]),
      intTensor('e', [2 ** 31 - 1]),
      intTensor('a', [1]),
      intTensor('b', [-1]),
    ],
    says: /Slice node 's': runtimes disagree about a slice/,
  },
  {
    title: 'a cut that does not depend on the input',
    nodes: [node('Sigmoid', ['c'], 'y')],
    initializers: [floatTensor('c', [4], [1, 2, 3, 4])],
    says: /'y' does not depend on the input/,
  },
];

describe('the left half refuses', () => {
  it.each(refusals)('$title', ({ nodes, initializers = [], dims = [1, 4], opset = 17, says }) => {
    const compile = (): unknown => compiled({ nodes, initializers, dims, opset });
    expect(compile).toThrow(ModelRefused);
    expect(compile).toThrow(says);
    try {
      compile();
    } catch (error) {
      expect((error as ModelRefused).report.remedy).toMatch(/\.$/);
    }
  });
});
