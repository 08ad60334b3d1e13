/**
 * One model put behind a value of another: everything that read the value reads what the model makes of it.
 *  1. Names of what is put in are made new; the nodes of the other keep theirs.
 *  2. The older of the two standard operator sets is raised (raise-opset.ts); other domains must agree.
 *  3. Weights stop being inputs, as they are in files older than IR version 4: no caller can override them.
 *  4. Declared shapes of inner values are dropped; the batch axis is free where it is in both.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { withInput } from '../model/extract.ts';
import type { Dim, Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import {
  type AttributeProto,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  toNumber,
} from '../model/proto.ts';
import { inlineFunctions } from '../rewrites/inline-functions.ts';
import { definedNames, freshNames, renamedNode } from '../rewrites/names.ts';
import { raisedTo } from './raise-opset.ts';

/** Initializers need not be inputs from here on. */
const FREE_INITIALIZERS = 4;

/**
 * @param network one input, one output
 * @param at name of one of its values, not its output
 * @param map one input, one output of the same shape, which is that of the value
 * @throws ModelRefused where the two cannot share a graph
 */
export async function putBehind(network: Model, at: string, map: Model): Promise<Model> {
  const version = Math.max(network.opsets.get('') ?? 0, map.opsets.get('') ?? 0);
  const [base, inner] = [await raisedTo(network, version), await raisedTo(await flat(map), version)];
  const graph = joinedGraph(base.proto, at, inner);
  const proto = edited(base.proto, {
    graph,
    irVersion: Math.max(FREE_INITIALIZERS, toNumber(base.proto.irVersion), toNumber(inner.proto.irVersion)),
    opsetImport: imports(joinedOpsets(base.opsets, base.path, inner)),
  });
  const joined = modelOf(proto, base);
  const [input] = joined.graph.inputs;
  if (input === undefined) throw new Error('a classifier has one input');
  const batch = commonBatch(input, map, base.path);
  return withInput(joined, input, [batch, ...(input.declaredShape ?? []).slice(1)]);
}

/** Without local functions, whose names would clash. */
export async function flat(model: Model): Promise<Model> {
  const inlined = await inlineFunctions.apply(model);
  return inlined === null ? model : modelOf(inlined.proto, model);
}

function joinedGraph(base: ModelProto, at: string, { proto: { graph: its = {} } }: Model): GraphProto {
  const graph = base.graph ?? {};
  const fresh = freshNames(base);
  const names = new Map(definedNames(its ?? {}).map((name) => [name, fresh(`denoiser/${name}`)]));
  const own = weightsOf(graph);
  const formal = (its?.input ?? []).find(({ name }) => !weightsOf(its ?? {}).has(name ?? ''))?.name ?? '';
  names.set(formal, at);
  const result = names.get(its?.output?.[0]?.name ?? '') ?? at;
  const named = (name: string | null | undefined): string => names.get(name ?? '') ?? name ?? '';
  return edited(graph, {
    node: [
      ...(graph.node ?? []).map((node) => reading(node, at, result)),
      ...(its?.node ?? []).map((node) => renamedNode(node, names, fresh, 'denoiser')),
    ],
    input: (graph.input ?? []).filter(({ name }) => !own.has(name ?? '')),
    initializer: [
      ...(graph.initializer ?? []),
      ...(its?.initializer ?? []).map((t) => edited(t, { name: named(t.name) })),
    ],
    sparseInitializer: [
      ...(graph.sparseInitializer ?? []),
      ...(its?.sparseInitializer ?? []).map((t) =>
        edited(t, t.values ? { values: edited(t.values, { name: named(t.values.name) }) } : {}),
      ),
    ],
    valueInfo: [],
  });
}

const weightsOf = (graph: GraphProto): ReadonlySet<string> =>
  new Set([
    ...(graph.initializer ?? []).map((t) => t.name ?? ''),
    ...(graph.sparseInitializer ?? []).map((t) => t.values?.name ?? ''),
  ]);

/** The node with `to` where it read `from`, in its sub-graphs too, as far as these do not define the name themselves. */
function reading(node: NodeProto, from: string, to: string): NodeProto {
  const inside = (graph: GraphProto): GraphProto =>
    definedNames(graph).includes(from)
      ? graph
      : edited(graph, {
          node: (graph.node ?? []).map((one) => reading(one, from, to)),
          output: (graph.output ?? []).map((info) =>
            info.name === from ? edited(info, { name: to }) : info,
          ),
        });
  const attribute = (a: AttributeProto): AttributeProto =>
    a.g || a.graphs?.length
      ? edited(a, {
          ...(a.g ? { g: inside(a.g) } : {}),
          ...(a.graphs?.length ? { graphs: a.graphs.map(inside) } : {}),
        })
      : a;
  const touched = node.input?.includes(from) || node.attribute?.some((a) => a.g || a.graphs?.length);
  if (!touched) return node;
  return edited(node, {
    input: (node.input ?? []).map((name) => (name === from ? to : name)),
    attribute: (node.attribute ?? []).map(attribute),
  });
}

/** As a model names its operator sets. */
export const imports = (opsets: ReadonlyMap<string, number>): { domain: string; version: number }[] =>
  [...opsets].map(([domain, version]) => ({ domain, version }));

/** The operator sets of both. @throws ModelRefused where a domain has two versions */
export function joinedOpsets(
  opsets: ReadonlyMap<string, number>,
  path: string,
  inner: Model,
): ReadonlyMap<string, number> {
  const all = new Map(opsets);
  for (const [domain, version] of inner.opsets) {
    const ours = all.get(domain);
    if (ours !== undefined && ours !== version) {
      throw new ModelRefused({
        what: `the two models use different versions of the operators of '${domain}'`,
        where: inner.path,
        why: `${version} here, ${ours} in ${path}; one graph has one version`,
        remedy: 'Export both with the same version of these operators.',
      });
    }
    all.set(domain, version);
  }
  return all;
}

/** The number of rows both take. Throws ModelRefused where each fixes another. */
function commonBatch({ declaredShape }: Value, map: Model, where: string): Dim {
  const ours = declaredShape?.[0] ?? 'batch';
  const theirs = map.graph.inputs[0]?.declaredShape?.[0] ?? null;
  if (typeof theirs !== 'number') return ours;
  if (typeof ours !== 'number' || ours === theirs) return theirs;
  throw new ModelRefused({
    what: `the denoiser takes batches of ${theirs}, the network of ${ours}`,
    where: `${map.path}, ${where}`,
    remedy: 'Export one of them with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}.',
  });
}
