/**
 * An empty name among a node's inputs means that an optional one is omitted. Operators that take any number of
 * operands have no optional ones, and ONNX Runtime 1.30 crashes on a gap in some (Max, Mean, Min, Sum): found by
 * fuzzing.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { allNodes, describeNodeProto, type ModelProto, normalDomain } from '../model/proto.ts';

const ANY_NUMBER = new Set(['Concat', 'Einsum', 'Max', 'Mean', 'Min', 'Sum']);

/** Throws ModelRefused naming the first node with such a gap, in sub-graphs and local functions too. */
export function checkOmittedOperands(proto: ModelProto): void {
  for (const node of allNodes(proto)) {
    if (normalDomain(node.domain) !== '' || !ANY_NUMBER.has(node.opType ?? '')) continue;
    const gap = node.input?.indexOf('') ?? -1;
    if (gap < 0) continue;
    throw new ModelRefused({
      what: `${describeNodeProto(node)} omits its operand ${gap + 1}`,
      why: `${node.opType} takes any number of operands, but none of them is optional`,
      remedy: 'Export the model again: the file is damaged.',
    });
  }
}
