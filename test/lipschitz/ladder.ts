/** Networks that go down by many orders of magnitude and up again: relu(x), or |x|, as a whole. */
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import { node } from '../onnx/tiny-model.ts';
import type { OneOperator } from '../operators/one-operator.ts';

/** x -> activation(factor x) in float64, once per factor. */
export function ladder(
  factors: readonly number[],
  activation: string,
  attribute: NodeProto['attribute'] = [],
): OneOperator {
  const initializers: TensorProto[] = [];
  const nodes: NodeProto[] = [
    node('Cast', ['x'], 'h', { attribute: [{ name: 'to', type: AttributeType.INT, i: DataType.DOUBLE }] }),
  ];
  factors.forEach((factor, k) => {
    initializers.push({
      name: `f${k}`,
      dataType: DataType.DOUBLE,
      dims: [],
      rawData: new Uint8Array(Float64Array.of(factor).buffer),
    });
    const from = k === 0 ? 'h' : `a${k - 1}`;
    nodes.push(node('Mul', [from, `f${k}`], `m${k}`));
    nodes.push(node(activation, [`m${k}`], k === factors.length - 1 ? 'y' : `a${k}`, { attribute }));
  });
  return { nodes, initializers, dims: [1, 8], opset: 17 };
}

export const repeated = (factor: number, count: number): number[] => new Array<number>(count).fill(factor);
