/**
 * Cuts a part out of a model: everything that is needed to compute some outputs from some inputs, self-contained.
 *  1. Nodes: walk back from the outputs, through the values sub-graphs capture too, and stop at the given inputs.
 *  2. Initializers that are read come along, those shared with another part are copied. Below IR version 4 they must also
 *     be listed as inputs; from 4 on they are not, so that no caller can override a weight.
 *  3. Operator sets, local functions and metadata stay; value infos and quantisation notes of omitted parts are
 * dropped. Refused when the outputs also depend on a graph input that is not among the given ones.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { DataType } from './data-type.ts';
import type { Dim, Value } from './graph.ts';
import { type Model, modelOf } from './model.ts';
import { edited, type GraphProto, type ModelProto, type NodeProto, type ValueInfoProto } from './proto.ts';
import { namesRead } from './topological-order.ts';

export function extract(
  model: Model,
  inputs: readonly ValueInfoProto[],
  outputs: readonly ValueInfoProto[],
): ModelProto {
  const graph = model.proto.graph as GraphProto;
  const boundary = new Set(inputs.map((i) => i.name ?? ''));
  const freeInputs = new Set(model.graph.inputs.map((v) => v.name));
  const needed = new Set(outputs.map((o) => o.name ?? ''));
  const kept: NodeProto[] = [];
  // Nodes are in topological order, so one pass from the end sees every reader before its producer.
  for (const node of [...(graph.node ?? [])].reverse()) {
    if (!(node.output ?? []).some((name) => needed.has(name) && !boundary.has(name))) continue;
    kept.push(node);
    for (const name of namesRead(node)) needed.add(name);
  }
  const loose = [...needed].find((name) => freeInputs.has(name) && !boundary.has(name));
  if (loose !== undefined) {
    throw new ModelRefused({
      what: `a part of the graph does not end at '${[...boundary].join("', '")}'`,
      where: `output '${outputs.map((o) => o.name).join("', '")}'`,
      why: `it also reads the input '${loose}' by another path`,
      remedy: 'Choose a cut that inspect lists.',
    });
  }
  const defined = new Set(kept.flatMap((n) => n.output ?? []));
  const initializer = (graph.initializer ?? []).filter((t) => needed.has(t.name ?? ''));
  const sparseInitializer = (graph.sparseInitializer ?? []).filter((t) => needed.has(t.values?.name ?? ''));
  const constants = new Set([
    ...initializer.map((t) => t.name ?? ''),
    ...sparseInitializer.map((t) => t.values?.name ?? ''),
  ]);
  const overridable =
    model.irVersion < 4 ? (graph.input ?? []).filter((i) => constants.has(i.name ?? '')) : [];
  const ends = new Set([...boundary, ...outputs.map((o) => o.name ?? '')]);
  const inside = (name: string): boolean => defined.has(name) || constants.has(name) || boundary.has(name);
  return edited(model.proto, {
    graph: edited(graph, {
      node: kept.reverse(),
      initializer,
      sparseInitializer,
      input: [...inputs, ...overridable],
      output: [...outputs],
      valueInfo: (graph.valueInfo ?? []).filter((v) => defined.has(v.name ?? '') && !ends.has(v.name ?? '')),
      quantizationAnnotation: (graph.quantizationAnnotation ?? []).filter((a) => inside(a.tensorName ?? '')),
    }),
    trainingInfo: [],
  });
}

/** A value info for a tensor; strings are symbolic lengths, null an unknown one. */
export function tensorInfo(name: string, elemType: number, dims: readonly Dim[]): ValueInfoProto {
  const dim = dims.map((d) => {
    if (d === null) return {};
    return typeof d === 'number' ? { dimValue: d } : { dimParam: d };
  });
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

/** The model with another declared shape of its one input. */
export function withInput(model: Model, input: Value, shape: readonly Dim[]): Model {
  const graph = model.proto.graph ?? {};
  const infos = (graph.input ?? []).map((info) =>
    info.name === input.name
      ? edited(info, { type: tensorInfo('', input.declaredType ?? DataType.FLOAT, shape).type ?? null })
      : info,
  );
  return modelOf(edited(model.proto, { graph: edited(graph, { input: infos }) }), model);
}
