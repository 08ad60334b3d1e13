/**
 * Operands that give shapes, positions or counts must not depend on the values of pixels: ONNX Runtime trusts
 * whatever a network computes for them at run time (Resize writes surplus scales past the end of a stack buffer:
 * found by fuzzing), and rows whose shapes differ could not run together. What is computed from shapes, not from
 * values, is fine.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Model } from '../model/model.ts';
import {
  describeNodeProto,
  type GraphProto,
  type NodeProto,
  normalDomain,
  subgraphs,
} from '../model/proto.ts';
import { namesRead } from '../model/topological-order.ts';

/** Positions of such operands among an operator's inputs. */
const SHAPES: ReadonlyMap<string, readonly number[]> = new Map([
  ['AffineGrid', [1]],
  ['BlackmanWindow', [0]],
  ['CenterCropPad', [1]],
  ['Col2Im', [1, 2]],
  ['ConstantOfShape', [0]],
  ['CumSum', [1]],
  ['DFT', [1, 2]],
  ['Expand', [1]],
  ['HammingWindow', [0]],
  ['HannWindow', [0]],
  ['MaxUnpool', [2]],
  ['MelWeightMatrix', [0, 1, 2]],
  ['OneHot', [1]],
  ['Pad', [1, 3]],
  ['Range', [0, 1, 2]],
  ['Reshape', [1]],
  ['Resize', [1, 2, 3]],
  ['Slice', [1, 2, 3, 4]],
  ['Split', [1]],
  ['SplitToSequence', [1]],
  ['Squeeze', [1]],
  ['Tile', [1]],
  ['TopK', [1]],
  ['Trilu', [1]],
  ['Unsqueeze', [1]],
  ['Upsample', [1]],
]);

const shapeOperands = (node: NodeProto): readonly number[] => {
  if (normalDomain(node.domain) !== '') return [];
  const type = node.opType ?? '';
  return SHAPES.get(type) ?? (type.startsWith('Reduce') ? [1] : []);
};

/** Throws ModelRefused naming the first such operand. Calls of local functions must be expanded. */
export function refusePixelShapes({ proto, path }: Model): void {
  const walk = ({ node: nodes }: GraphProto, outside: ReadonlySet<string>): void => {
    const dependent = new Set(outside);
    for (const node of nodes ?? []) {
      for (const place of shapeOperands(node)) {
        const name = node.input?.[place] ?? '';
        if (dependent.has(name)) throw refused(node, name, path);
      }
      if (!namesRead(node).some((name) => dependent.has(name))) continue;
      for (const graph of subgraphs(node)) walk(graph, new Set([...dependent, ...formals(node, graph)]));
      if (isShape(node)) continue;
      for (const name of node.output ?? []) if (name !== '') dependent.add(name);
    }
  };
  const graph = proto.graph ?? {};
  // Below IR version 4 every initializer is an input, too.
  const stored = new Set((graph.initializer ?? []).map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !stored.has(name));
  walk(graph, new Set(inputs.map(({ name }) => name ?? '')));
}

const isShape = ({ domain, opType }: NodeProto): boolean =>
  normalDomain(domain) === '' && (opType === 'Shape' || opType === 'Size');

/** The formal inputs of a sub-graph: all but the trip number and the condition of a Loop may hold pixels. */
const formals = (node: NodeProto, graph: GraphProto): string[] =>
  (graph.input ?? []).slice(node.opType === 'Loop' ? 2 : 0).map((info) => info.name ?? '');

function refused(node: NodeProto, name: string, path: string): ModelRefused {
  return new ModelRefused({
    what: `${describeNodeProto(node)} takes '${name}', which is computed from pixels, as a shape, a position or a count`,
    where: path,
    why: 'its result would have a different shape for every image, and ONNX Runtime does not check that it is valid',
    remedy: 'Export the network for images of one size, with its shapes fixed.',
  });
}
