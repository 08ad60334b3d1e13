/** Values in weights that no healthy training leaves there: NaN, infinities, and numbers too small to be normal. */
import { DataType } from '../../model/data-type.ts';
import { mapTensors } from '../../model/map-tensors.ts';
import { EXTERNAL, type ModelProto, type TensorProto } from '../../model/proto.ts';
import { floatBlocks, nonFiniteFault, tensorFault } from '../../model/tensor.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

/** Floating-point tensors whose data are there and of the right length; others are the loader's to refuse. */
function floatTensors(proto: ModelProto): TensorProto[] {
  const found: TensorProto[] = [];
  const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];
  mapTensors(proto, (tensor) => {
    const held = tensor.dataLocation !== EXTERNAL && floating.includes(tensor.dataType ?? 0);
    if (held && tensorFault(tensor, '') === null) found.push(tensor);
    return tensor;
  });
  return found;
}

const nameOf = (tensor: TensorProto): string =>
  tensor.name ? `'${tensor.name}'` : 'a Constant without name';

export const nonFiniteWeights: Check = {
  id: 'SPLITZ004',
  name: 'non-finite-weights',
  severity: 'error',
  title: 'Weights hold NaN or infinite values.',
  why: 'the network computes nothing meaningful with them, and no bound exists',
  remedy: 'Export a healthy checkpoint: training has diverged or the file is damaged.',
  run({ proto, graph }) {
    // A model with a graph has passed the loader, which refuses such weights.
    if (graph !== null) return [];
    const faults = floatTensors(proto).flatMap((tensor) => {
      const fault = nonFiniteFault(tensor, nameOf(tensor));
      return fault === null ? [] : [`${nameOf(tensor)} (${fault})`];
    });
    return faults.length === 0
      ? []
      : [{ where: faults[0] ?? '', what: `NaN or infinite values in ${listed(faults, 'tensor')}` }];
  },
};

/** Smallest normal magnitude of each type; below it precision is lost, and some processors round to zero. */
const smallestNormal: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, 2 ** -126],
  [DataType.BFLOAT16, 2 ** -126],
  [DataType.FLOAT16, 2 ** -14],
  [DataType.DOUBLE, 2 ** -1022],
]);

export const denormalWeights: Check = {
  id: 'SPLITZ005',
  name: 'denormal-weights',
  severity: 'note',
  title: 'Weights hold denormal values.',
  why: 'some processors and providers treat them as zero, so that logits may differ in the last bits between machines',
  remedy: 'Do nothing, unless results must be repeated on another machine: then replace them with zeros.',
  run({ proto }) {
    const faults = floatTensors(proto).flatMap((tensor) => {
      const least = smallestNormal.get(tensor.dataType ?? 0) ?? 0;
      let count = 0;
      for (const values of floatBlocks(tensor, nameOf(tensor))) {
        for (let k = 0; k < values.length; k++) {
          const v = Math.abs(values[k] as number);
          if (v !== 0 && v < least) count++;
        }
      }
      return count === 0 ? [] : [`${nameOf(tensor)} (${count})`];
    });
    return faults.length === 0
      ? []
      : [{ where: faults[0] ?? '', what: `denormal values in ${listed(faults, 'tensor')}` }];
  },
};
