/** Versions that ONNX Runtime does not read. */
import { supported } from '../../model/model.ts';
import { toNumber } from '../../model/proto.ts';
import { onnxRuntimeVersion } from '../../runtime/runtime-version.ts';
import type { Check } from '../check.ts';
import type { Occurrence } from '../finding.ts';

export const versions: Check = {
  id: 'SPLITZ009',
  name: 'unsupported-version',
  severity: 'error',
  title: 'The file is of a version the runtime does not read.',
  why: 'ONNX Runtime refuses the file',
  remedy: 'Export again with opset_version=17.',
  run({ proto, opsets, name }) {
    const runtime = `ONNX Runtime ${onnxRuntimeVersion()}`;
    const found: Occurrence[] = [];
    const ir = toNumber(proto.irVersion);
    if (ir > supported.maxIr) {
      found.push({
        where: name,
        what: `IR version ${ir}; ${runtime} reads up to ${supported.maxIr}`,
        remedy:
          'Export again, or set model.ir_version = 8 with the onnx Python package if nothing newer is used.',
      });
    }
    if (ir < supported.minIr) {
      found.push({
        where: name,
        what: `IR version ${ir}; ${runtime} reads from ${supported.minIr} on`,
        remedy: 'Convert the model with the version converter of the onnx Python package.',
      });
    }
    if (opsets.size === 0) {
      found.push({
        where: name,
        what: 'no operator set is imported',
        remedy: 'Set opset_import with the onnx Python package to the version the model was made for.',
      });
    }
    const opset = opsets.get('') ?? 0;
    if (opset > supported.maxOpset) {
      found.push({
        where: name,
        what: `operator set ${opset}; ${runtime} knows up to ${supported.maxOpset}`,
        remedy: `Export with opset_version=17, or onnx.version_converter.convert_version(model, ${supported.maxOpset}).`,
      });
    }
    return found;
  },
};
