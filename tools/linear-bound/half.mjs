// Left halves of the families' networks, and their gradients: what the tables and the attack share.
import { compileLeftHalf } from '../../dist/lipschitz/compile-left-half.js';
import { evaluateLeftHalf } from '../../dist/lipschitz/evaluate-left-half.js';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { modelFromBytes } from '../../dist/onnx/model/load.js';

export const norm = (v) => Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));

/** A standard normal number per call (mulberry32, Box-Muller). */
export function normals(seed) {
  let state = (seed * 2654435761) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

/** The left half of a network as families.mjs makes them: all of it. */
export function halfOf({ nodes, initializers, dims, opset }) {
  const value = (name, shape) => ({
    name,
    type: {
      tensorType: { elemType: 1, ...(shape && { shape: { dim: shape.map((dimValue) => ({ dimValue })) } }) },
    },
  });
  const { graph } = modelFromBytes(
    encodeModel({
      irVersion: 8,
      opsetImport: [{ domain: '', version: opset }],
      graph: {
        name: 'g',
        node: nodes,
        initializer: initializers,
        input: [value('x', dims)],
        output: [value('y', null)],
      },
    }),
    'family',
  );
  return compileLeftHalf(graph.inputs[0], dims, graph.values.get('y'));
}

/** So close to the point that chords are tangents. */
const TANGENT = 1e-9;

/** How the left half goes through one point: its value there, and v -> Jᵀ v for the Jacobian J there. */
export function tangentAt(half, x) {
  const { latent, inputs } = evaluateLeftHalf(half, x);
  const slopes = half.steps.map(({ nonlinearity }, k) => {
    const { value: centre } = inputs[k];
    return nonlinearity.linear.at({ centre, error: 0, T: new Float64Array(centre.length).fill(TANGENT) });
  });
  const adjoint = (v) => {
    const sizes = [x.length, ...half.steps.map(({ size }) => size)];
    const towards = sizes.map((size) => new Float64Array(size));
    const back = (form, from) => {
      for (const { base, matrix } of form.terms) {
        const part = matrix.applyAdjoint(from);
        for (let i = 0; i < part.length; i++) towards[base][i] += part[i];
      }
    };
    back(half.output, v);
    for (let k = half.steps.length; k-- > 0; )
      if (slopes[k] !== null) back(half.steps[k].input, slopes[k].matrix.applyAdjoint(towards[k + 1]));
    return towards[0];
  };
  return { value: latent.value, adjoint };
}

/**
 * The largest movement of the latent found on the sphere of radius r around x, by gradient ascent in float64: each step goes to the
 * point of the sphere in the direction of the gradient of half the squared movement.
 */
export function reached(half, x, r, normal, starts, steps) {
  const from = evaluateLeftHalf(half, x).latent.value;
  let most = 0;
  for (let start = 0; start < starts; start++) {
    let direction = x.map(() => normal());
    for (let step = 0; step <= steps; step++) {
      const size = norm(direction);
      if (size === 0) break;
      const { value, adjoint } = tangentAt(
        half,
        x.map((v, i) => v + (direction[i] * r) / size),
      );
      const moved = value.map((v, k) => v - from[k]);
      most = Math.max(most, norm(moved));
      if (step < steps) direction = adjoint(moved);
    }
  }
  return most;
}
