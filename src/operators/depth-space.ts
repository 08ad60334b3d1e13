/** DepthToSpace and SpaceToDepth: blocks of pixels become channels and back. Both only move cells. */
import { intAttribute, type Node, sizeOf, stringAttribute } from '../onnx/model/graph.ts';
import { selection } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import type { Operator } from './operator.ts';
import type { TrainingForm } from './training/form.ts';
import { operandAt } from './training/operands.ts';

/** The channel of the deep tensor that holds pixel `inBlock` of a block, for channel c of `channels` of the wide one. */
function deepChannel(mode: string, c: number, channels: number, inBlock: number, blockArea: number): number {
  return mode === 'CRD' ? c * blockArea + inBlock : inBlock * channels + c;
}

function modeOf(node: Node): string {
  const mode = stringAttribute(node, 'mode', 'DCR');
  if (mode !== 'DCR' && mode !== 'CRD') refuse(node, `mode '${mode}' is unknown`, 'Re-export the model.');
  return mode;
}

/**
 * How an operator splits the axes of its input [N, C, H, W], orders the parts, and joins them again: the operator is one
 * transposition of six axes.
 */
function rearrangement(
  node: Node,
  [batch = 0, channels = 0, height = 0, width = 0]: readonly number[],
): { readonly split: number[]; readonly order: number[]; readonly joined: number[] } {
  const block = intAttribute(node, 'blocksize', 0);
  const area = block * block;
  if (node.opType === 'SpaceToDepth')
    return {
      split: [batch, channels, height / block, block, width / block, block],
      order: [0, 3, 5, 1, 2, 4],
      joined: [batch, channels * area, height / block, width / block],
    };
  const rest = channels / area;
  const joined = [batch, rest, height * block, width * block];
  return modeOf(node) === 'CRD'
    ? { split: [batch, rest, block, block, height, width], order: [0, 1, 4, 2, 5, 3], joined }
    : { split: [batch, block, block, rest, height, width], order: [0, 3, 4, 1, 5, 2], joined };
}

const forward: TrainingForm['forward'] = (node, operands, { tf }) => {
  const { tensor } = operandAt(node, operands, 0);
  const { split, order, joined } = rearrangement(node, tensor.shape);
  return tf.reshape(tf.transpose(tf.reshape(tensor, split), order), joined);
};

const training: TrainingForm = { forward, squaredRows: forward };

export const depthSpace: Operator = {
  types: ['DepthToSpace', 'SpaceToDepth'],
  training: { DepthToSpace: training, SpaceToDepth: training },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    if (dims.length !== 4) refuse(node, `expects [N, C, H, W], found [${dims}]`, 'Re-export the model.');
    const [batch = 0, inChannels = 0, height = 0, width = 0] = dims;
    const block = intAttribute(node, 'blocksize', 0);
    const mode = modeOf(node);
    const area = block * block;
    const spread = node.opType === 'DepthToSpace';
    const fits = spread ? inChannels % area === 0 : height % block === 0 && width % block === 0;
    if (!(block > 0) || !fits)
      refuse(node, `[${dims}] has no blocks of ${block} by ${block}`, 'Re-export the model.');
    const channels = spread ? inChannels / area : inChannels;
    const wide = spread ? [height * block, width * block] : [height, width];
    const [wideHeight = 0, wideWidth = 0] = wide;
    const deepHeight = wideHeight / block;
    const deepWidth = wideWidth / block;
    const source = new Int32Array(sizeOf(dims));
    let at = 0;
    // Every cell of the wide tensor, in order, and its place in the deep one.
    for (let n = 0; n < batch; n++)
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < wideHeight; y++)
          for (let x = 0; x < wideWidth; x++) {
            const channel = deepChannel(mode, c, channels, (y % block) * block + (x % block), area);
            const row = (n * channels * area + channel) * deepHeight + Math.floor(y / block);
            const deep = row * deepWidth + Math.floor(x / block);
            if (spread) source[at++] = deep;
            else source[deep] = at++;
          }
    return {
      kind: 'affine',
      dims: spread
        ? [batch, channels, wideHeight, wideWidth]
        : [batch, channels * area, deepHeight, deepWidth],
      terms: [{ operand: 0, matrix: selection(source.length, source) }],
      bias: null,
    };
  },
};
