/** Constraints on kernels: kept by the step, exact in what is written, and the start of the networks that have them. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { compileLeftHalf } from '../../src/lipschitz/compile-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { buildArchitecture } from '../../src/training/architectures/index.ts';
import { broughtBack, constraintsOf, constraintsText, projected } from '../../src/training/constraints.ts';
import { filledTensor, normals } from './programs.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Largest |entry of W Wᵀ - I|, of the smaller side. */
function distance(values: ArrayLike<number>, rows: number, columns: number): number {
  const wide = rows <= columns;
  const [count, length] = wide ? [rows, columns] : [columns, rows];
  const at = (i: number, k: number): number => values[wide ? i * columns + k : k * columns + i] as number;
  let most = 0;
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < length; k++) sum += at(i, k) * at(j, k);
      most = Math.max(most, Math.abs(sum));
    }
  return most;
}

describe('an orthonormal kernel', () => {
  it.each([
    [6, 20],
    [8, 8],
    [20, 6],
  ])(
    'of %i rows and %i columns is orthonormal to the last bits of float32, from any start',
    (rows, columns) => {
      for (const scale of [0.01, 1, 30]) {
        const start = normals(3, rows * columns).map((v) => scale * v);
        expect(distance(projected('orthonormal', [rows, columns], start), rows, columns)).toBeLessThan(3e-7);
      }
    },
  );

  it('is brought back by a step nearly all the way, and stays where it is when it is orthonormal', () => {
    const kernel = projected('orthonormal', [4, 3, 2, 2], normals(5, 48));
    const moved = kernel.map((v, i) => v + 0.02 * Math.sin(i));
    const brought = broughtBack(tf, 'orthonormal', tf.tensor(moved, [4, 3, 2, 2]));
    expect(brought.shape).toEqual([4, 3, 2, 2]);
    expect(distance(moved, 4, 12)).toBeGreaterThan(0.02);
    expect(distance(brought.dataSync(), 4, 12)).toBeLessThan(1e-3);
    const same = broughtBack(tf, 'orthonormal', tf.tensor(kernel, [4, 3, 2, 2])).dataSync();
    kernel.forEach((v, i) => {
      expect(same[i]).toBeCloseTo(v, 5);
    });
  });
});

describe('unit rows', () => {
  it('have norm 1 and their direction', () => {
    const start = normals(7, 30);
    const host = projected('unit rows', [3, 10], start);
    const stepped = broughtBack(tf, 'unit rows', tf.tensor(start, [3, 10])).dataSync();
    for (let row = 0; row < 3; row++) {
      const norm = Math.hypot(...start.subarray(row * 10, row * 10 + 10));
      for (let k = row * 10; k < row * 10 + 10; k++) {
        expect(host[k]).toBeCloseTo((start[k] as number) / norm, 6);
        expect(stepped[k]).toBeCloseTo((start[k] as number) / norm, 5);
      }
    }
  });
});

describe('the metadata', () => {
  const parameters = new Map([
    ['a.weight', filledTensor([2, 3], 1)],
    ['a.bias', filledTensor([2], 1)],
  ]);
  const read = (text: string) => constraintsOf(new Map([['splitz.constraints', text]]), parameters);

  it('name constrained kernels, and are read as they were written', () => {
    const constraints = new Map([['a.weight', 'orthonormal']] as const);
    expect(constraintsOf(new Map(constraintsText(constraints)), parameters)).toEqual(constraints);
    expect(constraintsOf(new Map(), parameters)).toEqual(new Map());
  });

  it.each([
    ['{"b.weight":"orthonormal"}', 'b.weight'],
    ['{"a.bias":"orthonormal"}', 'a.bias'],
    ['{"a.weight":"sparse"}', 'sparse'],
    ['{', 'not JSON'],
    ['null', 'not JSON'],
  ])('%s is refused by name', (text, what) => {
    expect(() => read(text)).toThrow(UsageError);
    expect(() => read(text)).toThrow(what);
  });
});

describe.each([
  ['orthogonal-mnist', 1],
  ['orthogonal-cifar10', 1],
  ['prototypes-mnist', 1 / 2],
] as const)('%s, whose latent has %d times the numbers of an image,', (name, share) => {
  it('has a left half that is proven within 1e-6 of 1-Lipschitz, without any probability', async () => {
    const model = modelFromBytes(encodeModel(buildArchitecture(name)), name);
    const { cuts, input, inputDims } = await prepareClassifier(model, undefined, null);
    const cut = findCut(cuts, 'enc3');
    expect(sizeOf(cut.dims)).toBe(share * sizeOf(inputDims));
    const bound = createLeftHalfBound(compileLeftHalf(input, inputDims, cut.value), 'secant', 1e-6);
    expect(bound.failureProbability).toBe(0);
    const noProbe = (): never => {
      throw new Error('nothing is drawn');
    };
    const lipschitz = bound.globalLipschitz(noProbe);
    expect(lipschitz).toBeLessThan(1 + 1e-6);
    expect(lipschitz).toBeGreaterThan(1 - 1e-6);
  });
});
