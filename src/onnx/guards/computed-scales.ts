/**
 * Resize and Upsample of ONNX Runtime 1.30 write computed scales past the end of a stack buffer when there are more
 * scales than axes, and count them only afterwards (found by fuzzing; scales stored in the file are counted on
 * loading). So computed scales are evaluated first, by a model that ends at them, and counted here. pixel-shapes.ts
 * has checked that they do not depend on pixels.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { encodeModel } from '../model/codec.ts';
import { extract } from '../model/extract.ts';
import type { Node, Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { allNodes, describeNodeProto, type NodeProto, normalDomain } from '../model/proto.ts';
import type { FloatTensor } from '../runtime/session.ts';
import { trialRun } from '../runtime/trial.ts';
import { constantTensors } from './determinism.ts';

const isResize = ({ domain, opType }: { domain?: string | null; opType?: string | null }): boolean =>
  normalDomain(domain) === '' && (opType === 'Resize' || opType === 'Upsample');

/** Resize takes its scales behind a region from version 11 on. */
const placeOfScales = (opType: string, opset: number): number => (opType === 'Resize' && opset >= 11 ? 2 : 1);

/**
 * @param expanded the model with its calls of local functions expanded
 * @param images a batch for the model's one input
 * @throws ModelRefused for computed scales that are not one per axis, or that cannot be computed in advance
 */
export async function refuseMiscountedScales(
  model: Model,
  expanded: Model,
  images: FloatTensor,
): Promise<void> {
  const opset = model.opsets.get('') ?? 0;
  const direct = new Set(model.proto.graph?.node);
  const constants = constantTensors(expanded.proto);
  for (const node of allNodes(expanded.proto)) {
    if (!isResize(node) || direct.has(node)) continue;
    const name = node.input?.[placeOfScales(node.opType ?? '', opset)] ?? '';
    if (name === '' || constants.has(name)) continue;
    throw refused(node, model.path, 'computes its scales inside a branch, a loop or a function');
  }
  // In topological order: a part that ends at one of them runs only nodes already checked.
  for (const node of model.graph.nodes) {
    if (!isResize(node)) continue;
    const scales = node.inputs[placeOfScales(node.opType, opset)] ?? null;
    if (scales === null || scales.constant !== null) continue;
    const { count, axes } = await counted(model, node, scales, images);
    if (count.length === 1 && count[0] === axes) continue;
    const proto = model.proto.graph?.node?.[node.index] ?? {};
    throw refused(proto, model.path, `has scales of shape [${count.join(',')}] for ${axes} axes`);
  }
}

/** The shape of the scales, and how many there must be. */
async function counted(
  model: Model,
  { inputs: [data], attributes }: Node,
  scales: Value,
  images: FloatTensor,
): Promise<{ count: readonly number[]; axes: number | null }> {
  const named = attributes.get('axes');
  const listed = named?.kind === 'ints' ? named.value.length : null;
  const measured = listed === null && data?.producer ? [data] : [];
  const ends = [scales, ...measured].map(({ name }) => ({ name }));
  const all = model.proto.graph?.input ?? [];
  const inputs = all.filter(({ name }) => model.graph.inputs.some((value) => value.name === name));
  const part = modelOf(extract(model, inputs, ends), model);
  const input = part.graph.inputs[0]?.name ?? null;
  const results = await trialRun(encodeModel(part.proto), model.path, input, images);
  const dimsOf = (value: Value): readonly number[] | undefined =>
    results.find(({ name }) => name === value.name)?.dims;
  const rank = data == null ? null : (dimsOf(data) ?? data.constant?.dims ?? images.dims).length;
  return { count: dimsOf(scales) ?? [], axes: listed ?? rank };
}

function refused(node: NodeProto, where: string, what: string): ModelRefused {
  return new ModelRefused({
    what: `${describeNodeProto(node)} ${what}`,
    where,
    why: 'one per axis is needed, and ONNX Runtime does not count them before it uses them',
    remedy: 'Export the network for images of one size, so that its scales are constants.',
  });
}
