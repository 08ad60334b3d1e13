/**
 * A loaded model: its protobuf message, the typed graph over it, and where it came from. Rewriting passes make a new
 * Model from an edited message; nothing changes in place.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { buildGraph } from './build-graph.ts';
import type { Graph } from './graph.ts';
import { edited, type ModelProto, normalDomain, toNumber } from './proto.ts';
import { topologicalOrder } from './topological-order.ts';

/** A file the model was read from: the .onnx itself, then its external data. */
export interface ModelFile {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface Model {
  readonly path: string;
  /** Self-contained (external data inlined); `proto.graph.node[i]` is the message of `graph.nodes[i]`. */
  readonly proto: ModelProto;
  readonly graph: Graph;
  readonly irVersion: number;
  /** Operator set version by domain; the default domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  /** "pytorch 2.0.0"; empty when the file does not say. */
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly files: readonly ModelFile[];
  /** What was changed at the user's request (--force-eval); absent for a model as it was delivered. */
  readonly modifications?: readonly string[];
}

/** What ONNX Runtime 1.30 reads. */
export const supported = { minIr: 3, maxIr: 13, maxOpset: 26 } as const;

/** Where a model came from: carried along unchanged by rewriting passes. */
export interface Origin {
  readonly path: string;
  readonly files: readonly ModelFile[];
  readonly modifications?: readonly string[];
}

/**
 * The typed model of a self-contained message. Nodes are put in topological order first. Throws ModelRefused for versions
 * ONNX Runtime cannot read, cycles, dangling or duplicated names.
 */
export function modelOf(proto: ModelProto, origin: Origin): Model {
  const irVersion = toNumber(proto.irVersion);
  const opsets = checkedOpsets(proto, irVersion);
  const graph = proto.graph;
  if (!graph) {
    throw new ModelRefused({
      what: 'the file holds no graph',
      where: origin.path,
      why: 'an ONNX model is a ModelProto with a graph; this file has none, so it is probably not an ONNX model',
      remedy: 'Give the .onnx file that torch.onnx.export (or another exporter) wrote.',
    });
  }
  const ordered = topologicalOrder(graph.node ?? []);
  const moved = ordered.some((node, k) => node !== graph.node?.[k]);
  const sorted = moved ? edited(proto, { graph: edited(graph, { node: ordered }) }) : proto;
  return {
    path: origin.path,
    proto: sorted,
    graph: buildGraph(sorted.graph ?? {}, opsets),
    irVersion,
    opsets,
    producer: [proto.producerName, proto.producerVersion].filter((s) => s).join(' '),
    metadata: new Map((proto.metadataProps ?? []).map((p) => [p.key ?? '', p.value ?? ''])),
    files: origin.files,
    ...(origin.modifications === undefined ? {} : { modifications: origin.modifications }),
  };
}

function checkedOpsets(proto: ModelProto, irVersion: number): ReadonlyMap<string, number> {
  if (irVersion < supported.minIr || irVersion > supported.maxIr) {
    throw new ModelRefused({
      what: `the model has IR version ${irVersion}`,
      why: `this version of splitz-onnx and ONNX Runtime 1.30 read IR versions ${supported.minIr} to ${supported.maxIr}`,
      remedy:
        irVersion > supported.maxIr
          ? 'Export again for an older version, or set model.ir_version = 8 with the onnx Python package if nothing newer is used.'
          : 'Convert the model with the version converter of the onnx Python package.',
    });
  }
  const opsets = new Map((proto.opsetImport ?? []).map((o) => [normalDomain(o.domain), toNumber(o.version)]));
  if (opsets.size === 0) {
    throw new ModelRefused({
      what: 'the model imports no operator set',
      why: 'without a version the meaning of its operators is undefined, and ONNX Runtime refuses it',
      remedy:
        'Set opset_import with the onnx Python package to the version the model was made for, or export again.',
    });
  }
  const opset = opsets.get('') ?? 0;
  if (opset > supported.maxOpset) {
    throw new ModelRefused({
      what: `the model uses operator set ${opset}`,
      why: `ONNX Runtime 1.30 knows operator sets up to ${supported.maxOpset}`,
      remedy: `Export with opset_version=17, or convert it: onnx.version_converter.convert_version(model, ${supported.maxOpset}).`,
    });
  }
  return opsets;
}
