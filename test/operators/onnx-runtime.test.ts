/** Every operator computes what ONNX Runtime computes, on random shapes, attributes and constants. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { supportedTypes } from '../../src/operators/supported-types.ts';
import { compiled, encoded } from './compiled.ts';
import { makers } from './one-operator.ts';
import { randomSource } from './random.ts';

const VARIANTS = 24;

describe('float64 evaluation', () => {
  it('is compared for every supported operator type', () => {
    expect(Object.keys(makers).sort()).toEqual(supportedTypes());
  });

  it.each(Object.entries(makers))('of %s equals ONNX Runtime within float32 rounding', async (type, make) => {
    for (let variant = 0; variant < VARIANTS; variant++) {
      const random = randomSource(1000 * variant + type.length);
      const model = make(random);
      expect(model.nodes.map((n) => n.opType)).toContain(type);
      const bytes = encoded(model);
      const x = Float32Array.from(random.normals(sizeOf(model.dims)));
      const session = await InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
      const { y } = await session.run({ x: new Tensor('float32', x, model.dims) });
      const half = compiled(model);
      const attributes = JSON.stringify(model.nodes.map((n) => [n.opType, n.attribute]));
      expect(half.dims, attributes).toEqual(y?.dims);
      const ours = evaluateLeftHalf(half, Float64Array.from(x)).latent.value;
      const theirs = y?.data as Float32Array;
      for (let i = 0; i < theirs.length; i++) {
        const tolerance = 3e-6 * (1 + Math.abs(theirs[i] as number));
        expect(
          Math.abs((ours[i] as number) - (theirs[i] as number)),
          `${attributes}, variant ${variant}`,
        ).toBeLessThan(tolerance);
      }
      await session.release();
    }
  });
});
