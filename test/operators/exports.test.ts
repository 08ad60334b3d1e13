/**
 * What exporters of 2026 write for common layers has a bound at every cut, computes what ONNX Runtime computes, and moves by no
 * more than the bound says.
 */
import { describe, expect, it } from 'vitest';
import { compileLeftHalf } from '../../src/lipschitz/compile-left-half.ts';
import { displacement } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { checkRows } from '../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { splitModel } from '../../src/onnx/split.ts';
import { attack, provedNorms } from '../lipschitz/nets.ts';
import { noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { randomSource } from './random.ts';

const files = {
  'attention18_bounded.onnx': undefined,
  'attention23.onnx': undefined,
  'circular_pad.onnx': undefined,
  'groupnorm_castlike.onnx': undefined,
  'lppool.onnx': undefined,
  'lrn.onnx': undefined,
  'sklearn_scaler.onnx': 'probabilities',
  'softplus_default.onnx': undefined,
  'softplus_threshold.onnx': undefined,
};

describe.skipIf(noShared !== null)(titled('unbounded-exports'), () => {
  it.each(Object.entries(files))('%s is bounded at every cut, soundly', async (name, output) => {
    const model = await loadModel(`${sharedFolder}/cases/unbounded-exports/${name}`);
    const classifier = await prepareClassifier(model, output, null);
    const { input, inputDims, cuts } = classifier;
    const random = randomSource(name.length);
    const row = checkRows(1, sizeOf(inputDims), 5)[0] as Float32Array;
    const x = Float64Array.from(row);
    for (const cut of cuts.cuts.slice(1)) {
      const half = compileLeftHalf(input, inputDims, cut.value);
      const centre = evaluateLeftHalf(half, x);
      const { left } = splitModel(classifier.model, cut);
      const theirs = await withSession(left as Uint8Array, name, (session) =>
        runRows(session, [row], inputDims.slice(1)),
      );
      const scale = theirs.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
      theirs.data.forEach((v, i) => {
        expect(Math.abs((centre.latent.value[i] as number) - v)).toBeLessThan(2e-5 * scale);
      });
      if (cut !== cuts.cuts.at(-1)) continue;
      for (const r of [0.001, 0.05]) {
        const D = displacement(half, centre, r, 'secant', provedNorms(random));
        expect(Number.isFinite(D), `radius ${r}`).toBe(true);
        const found = attack(half, x, centre, r, random, { directions: 20, ascents: 1 });
        expect(D).toBeGreaterThanOrEqual(found - 2 * centre.latent.error);
      }
    }
  });
});
