/**
 * One model's nodes put into another's graph, on the same input. What both have in common, weight for weight and node for node, is
 * there once: networks that agree up to some tensor share everything in front of it, so that a cut there has one left half.
 */
import { createHash } from 'node:crypto';
import { encodeModel } from '../model/codec.ts';
import type { Model } from '../model/model.ts';
import {
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../model/proto.ts';
import { type FreshName, freshNames, renamedNode } from '../rewrites/names.ts';

/** A graph that other models are put into. */
export interface Stock {
  /** Adds a model and gives the name of its output. @param prefix goes before the names that it brings */
  graft(model: Model, prefix: string): string;
  readonly fresh: FreshName;
  /** Nodes that were found to be there already. */
  readonly shared: number;
  graph(): GraphProto;
}

/** Nodes whose outputs are not a function of their inputs. */
const RANDOM = /^(Random|Multinomial|Bernoulli|Dropout)/u;

/** @param base one input; its names are kept */
export function stockOf(base: Model): Stock {
  const graph = base.proto.graph ?? {};
  const fresh = freshNames(base.proto);
  const input = base.graph.inputs[0]?.name ?? '';
  const nodes: NodeProto[] = [...(graph.node ?? [])];
  const initializers: TensorProto[] = [...(graph.initializer ?? [])];
  const sparse = [...(graph.sparseInitializer ?? [])];
  const known = new Map<string, readonly string[]>();
  const remember = (key: string | null, outputs: readonly string[]): void => {
    if (key !== null && !known.has(key)) known.set(key, outputs);
  };
  for (const tensor of initializers) remember(tensorKey(tensor), [tensor.name ?? '']);
  for (const node of nodes) remember(nodeKey(node), node.output ?? []);
  let shared = 0;

  const graftTensor = (tensor: TensorProto, names: Names): void => {
    const key = tensorKey(tensor);
    const [there] = known.get(key) ?? [];
    if (there !== undefined) names.is(tensor.name, there);
    else {
      initializers.push(edited(tensor, { name: names.anew(tensor.name) }));
      remember(key, [names.of(tensor.name)]);
    }
  };
  const graftNode = (node: NodeProto, names: Names): void => {
    const outputs = node.output ?? [];
    const key = nodeKey(edited(node, { input: (node.input ?? []).map(names.of) }));
    const there = key === null ? undefined : known.get(key);
    if (there !== undefined) {
      for (const [k, name] of outputs.entries()) names.is(name, there[k] ?? '');
      shared++;
      return;
    }
    for (const name of outputs) names.anew(name);
    nodes.push(renamedNode(node, names.all, fresh, names.prefix));
    remember(key, outputs.map(names.of));
  };

  return {
    fresh,
    get shared() {
      return shared;
    },
    graft(model, prefix) {
      const its = model.proto.graph ?? {};
      const names = namesIn(prefix, fresh);
      names.is(model.graph.inputs[0]?.name, input);
      for (const tensor of its.initializer ?? []) graftTensor(tensor, names);
      for (const tensor of its.sparseInitializer ?? [])
        if (tensor.values)
          sparse.push(
            edited(tensor, { values: edited(tensor.values, { name: names.anew(tensor.values.name) }) }),
          );
      for (const node of its.node ?? []) graftNode(node, names);
      return names.of(its.output?.[0]?.name);
    },
    graph: () =>
      edited(graph, {
        node: nodes,
        initializer: initializers,
        sparseInitializer: sparse,
        input: (graph.input ?? []).filter(({ name }) => name === input),
        valueInfo: [],
      }),
  };
}

type Name = string | null | undefined;

/** What the names of a model that is put in have become. */
interface Names {
  readonly all: ReadonlyMap<string, string>;
  readonly prefix: string;
  of(name: Name): string;
  is(name: Name, here: string): void;
  anew(name: Name): string;
}

/** An omitted input or output has the name '', which stays. */
function namesIn(prefix: string, fresh: FreshName): Names {
  const all = new Map<string, string>();
  const is = (name: Name, here: string): void => {
    if (name) all.set(name, here);
  };
  return {
    ...{ all, prefix, is },
    of: (name) => all.get(name ?? '') ?? name ?? '',
    anew(name) {
      if (!name) return '';
      const given = fresh(`${prefix}/${name}`);
      is(name, given);
      return given;
    },
  };
}

const digest = (graph: GraphProto): string =>
  createHash('sha256')
    .update(encodeModel({ graph } as ModelProto))
    .digest('hex');

/** The same for tensors of the same type, shape and bytes. */
const tensorKey = (tensor: TensorProto): string =>
  `tensor ${digest({ initializer: [edited(tensor, { name: '' })] })}`;

/**
 * The same for nodes that compute the same of the same values; null where no two do: nodes with graphs of their own, whose names
 * differ, and those that draw numbers.
 */
function nodeKey({ opType, domain, input, output, attribute }: NodeProto): string | null {
  if (RANDOM.test(opType ?? '') || (attribute ?? []).some((a) => a.g || a.graphs?.length)) return null;
  const sorted = [...(attribute ?? [])].sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
  const used = (output ?? []).map((name) => (name === '' ? '' : 'used'));
  return `node ${digest({
    node: [
      { opType: opType ?? '', domain: domain ?? '', input: input ?? [], output: used, attribute: sorted },
    ],
  })}`;
}
