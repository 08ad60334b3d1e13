/** Trained tensors back into the ONNX file, and the one change of architecture that training knows: clipped rectifiers. */
import { UsageError } from '../ground/errors.ts';
import { DataType } from '../onnx/model/data-type.ts';
import { outputAncestors } from '../onnx/model/dependence.ts';
import type { Node } from '../onnx/model/graph.ts';
import { type Model, modelOf } from '../onnx/model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  type TensorProto,
  toNumber,
} from '../onnx/model/proto.ts';
import type { HostTensor } from './program.ts';

/** float32 in the byte order of the format. */
function littleEndian(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return bytes;
}

function withValues(tensor: TensorProto, { dims, values }: HostTensor): TensorProto {
  const stored = (tensor.dims ?? []).map(toNumber);
  if (tensor.dataType !== DataType.FLOAT || stored.join() !== dims.join())
    throw new Error(`'${tensor.name}' is not a float32 tensor of shape [${dims}]`);
  return edited(tensor, { rawData: littleEndian(values), floatData: [] });
}

const isConstant = ({ opType, domain }: NodeProto): boolean =>
  opType === 'Constant' && normalDomain(domain) === '';

/** A Constant node with new values, whichever attribute held the old ones. */
function withConstant(node: NodeProto, tensor: HostTensor): NodeProto {
  const attribute = (node.attribute ?? []).map((a): AttributeProto => {
    if (a.t) return edited(a, { t: withValues(a.t, tensor) });
    const t = { dataType: DataType.FLOAT, dims: [...tensor.dims], rawData: littleEndian(tensor.values) };
    return { name: 'value', type: AttributeType.TENSOR, t };
  });
  return edited(node, { attribute });
}

/**
 * The model with new values of its initializers and Constant nodes, by name. Everything else stays: names, types, shapes,
 * operator sets, interface, metadata.
 * @param proto the file's own message, or one that rewriting passes made of it
 */
export function writeBack(proto: ModelProto, values: ReadonlyMap<string, HostTensor>): ModelProto {
  const graph = proto.graph ?? {};
  const left = new Set(values.keys());
  const valuesFor = (name: string | null | undefined): HostTensor | undefined => {
    const found = values.get(name ?? '');
    if (found !== undefined) left.delete(name ?? '');
    return found;
  };
  const initializer = (graph.initializer ?? []).map((tensor) => {
    const found = valuesFor(tensor.name);
    return found === undefined ? tensor : withValues(tensor, found);
  });
  const node = (graph.node ?? []).map((each) => {
    const found = isConstant(each) ? valuesFor(each.output?.[0]) : undefined;
    return found === undefined ? each : withConstant(each, found);
  });
  if (left.size > 0) throw new Error(`the model has no constant '${[...left].join("', '")}'`);
  return edited(proto, { graph: edited(graph, { initializer, node }) });
}

/** A name that no value of the graph has. */
function freeName(model: Model, wanted: string): string {
  let name = wanted;
  for (let k = 1; model.graph.values.has(name); k++) name = `${wanted}_${k}`;
  return name;
}

const floatAttribute = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });

/** A Constant node: legal in every IR version, unlike an initializer that is not an input. */
const scalarNode = (name: string, value: number): NodeProto => ({
  name,
  opType: 'Constant',
  output: [name],
  attribute: [
    {
      name: 'value',
      type: AttributeType.TENSOR,
      t: { name, dataType: DataType.FLOAT, dims: [], rawData: littleEndian(Float32Array.of(value)) },
    },
  ],
});

/**
 * The model with each Relu that the cut depends on replaced by Clip(0, theta) under the same output name (SPLITZ section
 * 5). From operator set 11 on, the limits are constants of their own, "<output>/min" and "<output>/max"; before,
 * attributes.
 * @param cut name of the tensor
 * @throws UsageError when theta is not positive, or there is no Relu to replace
 */
export function clipLeftRelus(model: Model, cut: string, theta: number): Model {
  if (!(theta > 0 && Number.isFinite(theta)))
    throw new UsageError({
      what: `the limit of a clipped Relu cannot be ${theta}`,
      why: 'it must be positive and finite: a smaller one would leave nothing of the signal',
      remedy: 'Use a value such as --relu-theta 1.',
    });
  const relus = leftRelus(model, cut);
  const graph = model.proto.graph as GraphProto;
  const node = (graph.node ?? []).flatMap((proto, k): NodeProto[] => {
    const typed = model.graph.nodes[k];
    const output = typed?.outputs[0];
    if (typed === undefined || !output || !relus.has(typed)) return [proto];
    if (typed.opset < 11) {
      const limits = [floatAttribute('min', 0), floatAttribute('max', Math.fround(theta))];
      return [edited(proto, { opType: 'Clip', attribute: limits })];
    }
    const [min, max] = [freeName(model, `${output.name}/min`), freeName(model, `${output.name}/max`)];
    const input = [...(proto.input ?? []), min, max];
    return [
      scalarNode(min, 0),
      scalarNode(max, theta),
      edited(proto, { opType: 'Clip', input, attribute: [] }),
    ];
  });
  if (relus.size === 0)
    throw new UsageError({
      what: '--relu-theta replaces nothing',
      where: model.path,
      why: `there is no Relu before the cut '${cut}'`,
      remedy: 'Omit --relu-theta, or cut the network later.',
    });
  return modelOf(edited(model.proto, { graph: edited(graph, { node }) }), model);
}

/** Whether the left half has a Relu that `clipLeftRelus` would replace. */
export const hasLeftRelu = (model: Model, cut: string): boolean => leftRelus(model, cut).size > 0;

/** The Relus that the tensor `cut` depends on. */
function leftRelus(model: Model, cut: string): ReadonlySet<Node> {
  const value = model.graph.values.get(cut);
  if (value === undefined) throw new Error(`the model has no value '${cut}'`);
  const needed = outputAncestors({ ...model.graph, outputs: [value] });
  return new Set(
    model.graph.nodes.filter(
      ({ opType, domain, outputs: [output] }) =>
        opType === 'Relu' && domain === '' && output !== null && output !== undefined && needed.has(output),
    ),
  );
}
