/** Random networks on [N,4] with skip connections, constant branches, dead ends and nodes of two outputs. */
import fc from 'fast-check';
import type { NodeProto } from '../../src/onnx/model/proto.ts';
import { intAttr, node, type Parts, weights } from './tiny-model.ts';

interface Step {
  readonly kind: 'Relu' | 'Tanh' | 'Add' | 'Mul' | 'MatMul' | 'AddConstant' | 'Split';
  /** How far back the operands lie, as shares of what there is; most are the latest value. */
  readonly operands: readonly [number, number];
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('Relu', 'Tanh', 'Add', 'Mul', 'MatMul', 'AddConstant', 'Split'),
  operands: fc.tuple(
    fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
    fc.nat({ max: 4 }),
  ),
});

function build(steps: readonly Step[]): Parts {
  const values = ['x'];
  const nodes: NodeProto[] = [node('Neg', ['w'], 'c')];
  steps.forEach(({ kind, operands }, k) => {
    const [a, b] = operands.map((back) => values[Math.max(0, values.length - 1 - back)] as string) as [
      string,
      string,
    ];
    const out = `v${k}`;
    if (kind === 'Split') {
      const halves = [`${out}l`, `${out}r`];
      nodes.push(node('Split', [a], halves, { attribute: [intAttr('axis', 1)] }));
      nodes.push(
        node('Concat', [halves[1] as string, halves[k % 2] as string], out, {
          attribute: [intAttr('axis', 1)],
        }),
      );
    } else if (kind === 'AddConstant') nodes.push(node('Add', [a, 'c'], out));
    else if (kind === 'MatMul') nodes.push(node('MatMul', [a, 'm'], out));
    else nodes.push(node(kind, kind === 'Relu' || kind === 'Tanh' ? [a] : [a, b], out));
    values.push(out);
  });
  nodes.push(node('Identity', [values.at(-1) as string], 'y'));
  return { nodes, initializers: [weights('w', [4]), weights('m', [4, 4])], output: ['N', 4], opset: 13 };
}

export const randomDag: fc.Arbitrary<Parts> = fc.array(step, { minLength: 1, maxLength: 9 }).map(build);
