/**
 * Weights of magnitudes that training does not produce. Numbers of 1e-30 or 1e30 in the path of an image push it to the
 * edge of what float32 and float64 hold: a network can hide there from a bound, or from a comparison of two
 * evaluations.
 */

import { constantTensors } from '../../guards/determinism.ts';
import { DataType } from '../../model/data-type.ts';
import { allNodes, EXTERNAL, type ModelProto, normalDomain, type TensorProto } from '../../model/proto.ts';
import { floatBlocks, tensorFault } from '../../model/tensor.ts';
import type { Check } from '../check.ts';

const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/**
 * Places of the operands by which others are multiplied or divided. Bounds of a Clip, fills of a Pad or a mask that is added
 * may be as large as a float can be: they scale nothing.
 */
const FACTORS: ReadonlyMap<string, readonly number[]> = new Map([
  ['BatchNormalization', [1, 4]],
  ['Conv', [1]],
  ['ConvTranspose', [1]],
  ['DequantizeLinear', [1]],
  ['Div', [0, 1]],
  ['Einsum', [0, 1, 2, 3]],
  ['Gemm', [0, 1]],
  ['InstanceNormalization', [1]],
  ['GroupNormalization', [1]],
  ['LayerNormalization', [1]],
  ['MatMul', [0, 1]],
  ['Mul', [0, 1]],
  ['PRelu', [1]],
  ['QuantizeLinear', [1]],
  ['RMSNormalization', [1]],
]);

interface Sized {
  readonly name: string;
  /** Largest magnitude in the tensor: single numbers of a weight decay to nothing in honest training. */
  readonly size: number;
}

function factors(proto: ModelProto): Sized[] {
  const constants = constantTensors(proto);
  const names = new Set<string>();
  for (const node of allNodes(proto)) {
    const places = normalDomain(node.domain) === '' ? (FACTORS.get(node.opType ?? '') ?? []) : [];
    for (const place of places) names.add(node.input?.[place] ?? '');
  }
  return [...names].flatMap((name) => {
    const tensor = constants.get(name);
    const size = tensor === undefined ? 0 : sizeOf(tensor, name);
    return size === 0 ? [] : [{ name, size }];
  });
}

/** 0 where nothing but zeros, or no floats, are stored. */
function sizeOf(tensor: TensorProto, name: string): number {
  const held = tensor.dataLocation !== EXTERNAL && floating.includes(tensor.dataType ?? 0);
  if (!held || tensorFault(tensor, '') !== null) return 0;
  let largest = 0;
  for (const values of floatBlocks(tensor, name))
    for (let k = 0; k < values.length; k++) {
      const size = Math.abs(values[k] as number);
      if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
    }
  return largest;
}

/** More than honest weights and their scales span, by far; less than a float32 can hold. */
const SPAN = 1e30;

export const extremeWeights: Check = {
  id: 'SPLITZ030',
  name: 'extreme-weights',
  severity: 'warning',
  title: 'Weights span more than thirty orders of magnitude.',
  why: 'an honest classifier has no reason for them; numbers at the edge of what floating point holds can hide what a network does',
  remedy:
    'Ask the vendor what these factors are for, and do not rely on results of this file until you know.',
  run({ proto }) {
    // Pixels are of size 1, so that a single factor of 1e30 counts as well.
    let least: Sized = { name: 'the pixels', size: 1 };
    let most: Sized = least;
    for (const one of factors(proto)) {
      if (one.size < least.size) least = one;
      if (one.size > most.size) most = one;
    }
    if (most.size / least.size < SPAN) return [];
    const told = ({ name, size }: Sized): string => (size === 1 ? '1' : `${size.toPrecision(2)} ('${name}')`);
    const where = most.size * least.size >= 1 ? most : least;
    return [{ where: `'${where.name}'`, what: `factors from ${told(least)} to ${told(most)}` }];
  },
};
