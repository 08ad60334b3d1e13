/**
 * A network whose first stage multiplies two streams, as gated convolutions do: Conv-BN-Tanh times Conv-BN-Relu. Its left half
 * has no Lipschitz constant on all of space, and its stem is too large for a deterministic proof: bounds are slow there.
 */
import { encodeModel } from '../../src/onnx/model/codec.ts';
import type { ModelProto, NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { floatTensor, intsAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';

export interface GateSize {
  /** Channels of each stream. */
  readonly channels: number;
  /** Height and width of the images. */
  readonly side: number;
  /** With one, there is no gate: its Tanh is the latent, and all of space has a bound. */
  readonly streams?: 1 | 2;
}

const CLASSES = 4;

/** [N, 3, side, side] → [N, 4], the same for the same size. */
export function twoStreamGate({ channels, side, streams = 2 }: GateSize): ModelProto {
  const random = randomSource(17);
  const positive = (name: string, spread: number, least: number): TensorProto =>
    floatTensor(
      name,
      [channels],
      random.float32s(channels, spread).map((v) => Math.abs(v) + least),
    );
  const stream = (k: number): { readonly nodes: NodeProto[]; readonly weights: TensorProto[] } => ({
    nodes: [
      node('Conv', ['x', `w${k}`], `c${k}`, { attribute: [intsAttr('pads', [1, 1, 1, 1])] }),
      node('BatchNormalization', [`c${k}`, `gain${k}`, `shift${k}`, `mean${k}`, `variance${k}`], `n${k}`),
      node(k === 0 ? 'Tanh' : 'Relu', [`n${k}`], `s${k}`),
    ],
    weights: [
      floatTensor(`w${k}`, [channels, 3, 3, 3], random.float32s(channels * 27, 0.2)),
      ...[positive(`gain${k}`, 0.2, 0.8), positive(`shift${k}`, 0.2, 0)],
      ...[positive(`mean${k}`, 0.1, 0), positive(`variance${k}`, 0.3, 0.7)],
    ],
  });
  const [left, right] = [stream(0), streams === 2 ? stream(1) : { nodes: [], weights: [] }];
  return tinyProto({
    nodes: [
      ...[...left.nodes, ...right.nodes],
      node('Mul', ['s0', streams === 2 ? 's1' : 'one'], 'gated'),
      node('GlobalAveragePool', ['gated'], 'pooled'),
      node('Flatten', ['pooled'], 'flat'),
      node('Gemm', ['flat', 'head'], 'y'),
    ],
    initializers: [
      ...[...left.weights, ...right.weights],
      floatTensor('one', [1], [1]),
      floatTensor('head', [channels, CLASSES], random.float32s(channels * CLASSES, 1)),
    ],
    input: ['N', 3, side, side],
    output: ['N', CLASSES],
  });
}

export const encodedGate = (size: GateSize): Uint8Array => encodeModel(twoStreamGate(size));
