/**
 * What ONNX Runtime lacks when it "could not find an implementation" of a node: most often one for the element type, which
 * its message does not name; a newer operator set does not help there.
 */
import type { ErrorReport } from '../../ground/errors.ts';
import { decodeModel } from '../model/codec.ts';
import { DataType, dataTypeName } from '../model/data-type.ts';
import { intAttribute, type Node } from '../model/graph.ts';
import { modelOf } from '../model/model.ts';

const PATTERN = /Could not find an implementation for (\w+)\((\d+)\) node with name '([^']*)'/;

const OTHER_FLOATS: readonly DataType[] = [DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/**
 * @param message of ONNX Runtime, which refused the model
 * @param bytes the model
 * @returns null for other messages
 */
export function missingKernel(
  message: string,
  bytes: Uint8Array,
): Pick<ErrorReport, 'what' | 'why' | 'remedy'> | null {
  const found = PATTERN.exec(message);
  if (found === null) return null;
  const [, operator = '', version = '', name = ''] = found;
  const { nodes } = modelOf(decodeModel(bytes), { path: '', files: [] }).graph;
  const type = elementType(nodes.find((node) => node.opType === operator && node.name === name) ?? null);
  const lacking = `ONNX Runtime has no CPU implementation of ${operator}`;
  if (type === null)
    return {
      what: `${lacking} version ${version} (node '${name}')`,
      why: 'old versions of some operators were never implemented',
      remedy: 'Convert the model to a newer operator set: onnx.version_converter.convert_version(model, 17).',
    };
  return {
    what: `${lacking} for ${dataTypeName(type)}, the type that node '${name}' computes in`,
    why: 'some operators exist for float32 only, in every operator set',
    remedy: 'Export the network in float32 (in PyTorch: model.float() before torch.onnx.export).',
  };
}

/** The type a node computes in, where that is another than float32: of its constants, or of what its data come from. */
function elementType(node: Node | null): DataType | null {
  for (let at = node; at !== null; at = at.inputs[0]?.producer ?? null) {
    const cast = at !== node && at.opType === 'Cast';
    const types = cast
      ? [intAttribute(at, 'to', 0)]
      : at.inputs.map((value) => value?.constant?.type ?? value?.declaredType ?? null);
    const other = OTHER_FLOATS.find((type) => types.includes(type));
    if (other !== undefined) return other;
    if (cast || types[0] === DataType.FLOAT) return null;
  }
  return null;
}
