/**
 * Local functions (ModelProto.functions: PyTorch's new exporter, onnxscript) become the nodes of their bodies.
 *  1. A function is called by domain, name and overload; its body may call others, which are inlined too.
 *  2. Formal inputs and outputs become the call's; an input or output that the call omits is omitted inside, or gets
 *     a name that is never read. All other names of the body are made new.
 *  3. An attribute that refers to one of the function's (ref_attr_name) becomes the call's, else the function's default,
 *     else it is omitted, so that the operator's own default holds.
 *  4. The operator sets that the body imports must be those of the model, in their versions: the same operator may mean
 *     something else in another. A domain that only the function imports is imported.
 * It terminates within bounds: functions that call themselves or grow without measure are refused when a file is
 * loaded. (ONNX IR specification, "Functions".)
 */
import { ModelRefused } from '../../ground/errors.ts';
import { functionKey } from '../guards/function-calls.ts';
import type { Model } from '../model/model.ts';
import {
  type AttributeProto,
  allNodes,
  describeNodeProto,
  edited,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  toNumber,
} from '../model/proto.ts';
import { type FreshName, freshNames, renamedNode } from './names.ts';
import type { Rewrite } from './rewrite.ts';

export const inlineFunctions: Rewrite = {
  name: 'inlining local functions',
  apply({ proto, opsets, path }) {
    if (!proto.functions?.length || proto.graph == null) return Promise.resolve(null);
    const imports = new Map(opsets);
    const called = new Set<string>();
    const graph = expandedGraph(proto, (callee, isCall) => {
      checkImports(callee, imports, isCall, path);
      called.add(callee.name ?? '');
    });
    const flat = edited(proto, {
      graph,
      functions: [],
      opsetImport: [...imports].map(([domain, version]) => ({ domain, version })),
    });
    const names = [...called].sort();
    if (names.length === 0) return Promise.resolve({ proto: flat, what: 'unused local functions dropped' });
    const what = `${names.length} local function${names.length === 1 ? '' : 's'} inlined: ${names.join(', ')}`;
    return Promise.resolve({ proto: flat, what });
  },
};

/**
 * Rules 1 to 3 without rule 4: the nodes that ONNX Runtime will come to run, with the attributes and constants of their
 * calls. For looking at, not for running.
 */
export function withCallsExpanded<M extends Pick<Model, 'proto'>>(model: M): M {
  if (!model.proto.functions?.length) return model;
  return { ...model, proto: edited(model.proto, { graph: expandedGraph(model.proto), functions: [] }) };
}

/** @param onCall is given every call that is replaced, and a test for further calls */
function expandedGraph(
  proto: ModelProto,
  onCall: (callee: FunctionProto, isCall: (node: NodeProto) => boolean) => void = () => {},
): GraphProto {
  const functions = new Map(
    (proto.functions ?? []).map((f) => [functionKey(f.domain, f.name, f.overload), f]),
  );
  const calledBy = (node: NodeProto): FunctionProto | undefined =>
    functions.get(functionKey(node.domain, node.opType, node.overload));
  const isCall = (node: NodeProto): boolean => calledBy(node) !== undefined;
  const fresh = freshNames(proto);
  const inlined = (nodes: readonly NodeProto[]): NodeProto[] =>
    nodes.flatMap((node) => {
      const callee = calledBy(node);
      if (callee === undefined) return [withInlinedGraphs(node)];
      onCall(callee, isCall);
      return inlined(bodyOf(callee, node, fresh));
    });
  const withInlinedGraphs = (node: NodeProto): NodeProto => {
    const inside = (graph: GraphProto): GraphProto => edited(graph, { node: inlined(graph.node ?? []) });
    if (!node.attribute?.some((a) => a.g || a.graphs?.length)) return node;
    const attribute = node.attribute.map((a) =>
      edited(a, {
        ...(a.g ? { g: inside(a.g) } : {}),
        ...(a.graphs?.length ? { graphs: a.graphs.map(inside) } : {}),
      }),
    );
    return edited(node, { attribute });
  };
  const graph = proto.graph ?? {};
  return edited(graph, { node: inlined(graph.node ?? []) });
}

const fault = (what: string, path: string): ModelRefused =>
  new ModelRefused({
    what,
    where: path,
    why: 'its local functions cannot be replaced by their bodies',
    remedy: 'Inline them with the onnx Python package: onnx.inliner.inline_local_functions(model, True).',
  });

/** Rule 4; adds the domains that only the function imports. */
function checkImports(
  callee: FunctionProto,
  imports: Map<string, number>,
  isCall: (node: NodeProto) => boolean,
  path: string,
): void {
  const used = new Set<string>();
  for (const node of allNodes({ functions: [callee] }))
    if (!isCall(node)) used.add(normalDomain(node.domain));
  for (const { domain, version } of callee.opsetImport ?? []) {
    const name = normalDomain(domain);
    if (!used.has(name)) continue;
    const ours = imports.get(name);
    if (ours === undefined) imports.set(name, toNumber(version));
    else if (ours !== toNumber(version)) {
      throw fault(
        `the local function ${callee.name} uses operator set ${name === '' ? 'ai.onnx' : name} ${toNumber(version)}, the model ${ours}`,
        path,
      );
    }
  }
}

/** The function's nodes as they stand at a call. */
function bodyOf(callee: FunctionProto, call: NodeProto, fresh: FreshName): NodeProto[] {
  const prefix = call.name || (call.output?.find((name) => name !== '') ?? describeNodeProto(call));
  const names = new Map<string, string>();
  (callee.input ?? []).forEach((formal, k) => {
    names.set(formal, call.input?.[k] ?? '');
  });
  (callee.output ?? []).forEach((formal, k) => {
    const actual = call.output?.[k] ?? '';
    if (actual !== '') names.set(formal, actual);
  });
  const written = new Set((callee.node ?? []).flatMap((node) => node.output ?? []));
  for (const name of written)
    if (name !== '' && !names.has(name)) names.set(name, fresh(`${prefix}/${name}`));
  const attributes = (list: readonly AttributeProto[]): AttributeProto[] =>
    list.flatMap((a) => resolved(a, callee, call));
  // The call knows the module it belongs to; the nodes inside rarely do.
  const placed = (node: NodeProto): NodeProto =>
    node.metadataProps?.length || !call.metadataProps?.length
      ? node
      : edited(node, { metadataProps: call.metadataProps });
  return (callee.node ?? []).map((n) => placed(renamedNode(n, names, fresh, prefix, attributes)));
}

/** Rule 3. */
function resolved(attribute: AttributeProto, callee: FunctionProto, call: NodeProto): AttributeProto[] {
  const referred = attribute.refAttrName;
  if (!referred) return [attribute];
  const value =
    call.attribute?.find((a) => a.name === referred) ??
    callee.attributeProto?.find((a) => a.name === referred);
  return value === undefined ? [] : [edited(value, { name: attribute.name ?? '' })];
}
