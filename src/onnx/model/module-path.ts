/**
 * The module a node belongs to, as a person who wrote the network would name it ("layer1.0.conv1"). Exporters leave it
 * in different places:
 *  1. PyTorch's new exporter: node metadata `pkg.torch.onnx.name_scopes`, a Python list from the root to the node;
 *  2. PyTorch's TorchScript exporter: the node name '/layer1/layer1.0/conv1/Conv', scopes that repeat their parent;
 *  3. tf2onnx, keras2onnx: TensorFlow node names 'StatefulPartitionedCall/sequential/dense/MatMul';
 *  4. older PyTorch: only the names of the weights, 'layer1.0.conv1.weight'.
 */
import type { NodeProto } from './proto.ts';

/** The strings of a Python list repr: "['', 'layer1', \"it's\"]". */
export function parsePythonStrings(text: string): string[] {
  return [...text.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)].map((m) =>
    (m[1] ?? m[2] ?? '').replace(/\\(.)/g, '$1'),
  );
}

function fromNameScopes(node: NodeProto): string | null {
  const scopes = node.metadataProps?.find((p) => p.key === 'pkg.torch.onnx.name_scopes')?.value;
  if (!scopes) return null;
  // The last entry is the node itself, the one before it the module that called it.
  return parsePythonStrings(scopes).at(-2) || null;
}

function fromTorchScript(name: string): string | null {
  const path: string[] = [];
  for (const scope of name.split('/').slice(1, -1)) {
    const parent = path.at(-1);
    if (parent !== undefined && scope.startsWith(`${parent}.`)) path[path.length - 1] = scope;
    else path.push(scope);
  }
  return path.join('.') || null;
}

function fromTensorFlow(name: string): string | null {
  const scopes = name
    .split('/')
    .filter((s) => s !== '' && !/^(StatefulPartitionedCall|PartitionedCall)/.test(s));
  const modules = scopes.slice(0, -1);
  // 'sequential/dense/MatMul': the model's own name says nothing when a layer follows.
  return (modules.length > 1 ? modules.slice(1) : modules).join('.') || null;
}

function fromWeights(node: NodeProto): string | null {
  for (const input of (node.input ?? []).slice(1)) {
    const match = /^(?:module\.)?(.+)\.(weight|bias|running_mean)$/.exec(input);
    if (match?.[1] !== undefined) return match[1];
  }
  return null;
}

export function modulePathOf(node: NodeProto): string | null {
  const name = node.name ?? '';
  const scoped = fromNameScopes(node);
  if (scoped !== null) return scoped;
  if (name.startsWith('/')) return fromTorchScript(name);
  if (name.includes('/')) return fromTensorFlow(name);
  return fromWeights(node);
}
