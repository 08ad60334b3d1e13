// The bound that keeps the linear part beside the one by secants (docs/certificates.md, section 3.1):
//   node tools/linear-bound/table.mjs families   D/(norm of the Jacobian * r) at r = .03 and reached/D at r = .3, random networks
//   node tools/linear-bound/table.mjs networks   radius and time behind the second and third activation of real networks (../shared)
// Needs dist/ (npm run build).
import { fileURLToPath } from 'node:url';
import { compileLeftHalf } from '../../dist/lipschitz/compile-left-half.js';
import { evaluateLeftHalf } from '../../dist/lipschitz/evaluate-left-half.js';
import { createLeftHalfBound } from '../../dist/lipschitz/input-radius.js';
import { lanczosEstimate } from '../../dist/lipschitz/lanczos.js';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { modelFromBytes } from '../../dist/onnx/model/load.js';
import { FAMILIES } from './families.mjs';
import { networks } from './networks.mjs';

const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const KINDS = ['secant', 'linear'];
const SEEDS = 24;
const [SMALL, LARGE] = [0.03, 0.3];
const DELTA = 1e-6;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
const norm = (v) => Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));

/** A standard normal number per call (mulberry32, Box-Muller). */
function normals(seed) {
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

function halfOf({ nodes, initializers, dims, opset }) {
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

const valueAt = (half, x) => evaluateLeftHalf(half, x).latent.value;

/** Columns of the Jacobian, by central differences. */
function jacobian(half, x) {
  const step = 1e-6;
  return Array.from(x, (_, i) => {
    const [up, down] = [1, -1].map((sign) =>
      valueAt(
        half,
        x.map((v, k) => (k === i ? v + sign * step : v)),
      ),
    );
    return up.map((v, k) => (v - down[k]) / (2 * step));
  });
}

function spectral(columns) {
  const size = columns.length;
  const gram = (x, y) => {
    const image = new Float64Array(columns[0].length);
    for (const [i, column] of columns.entries()) for (const [k, v] of column.entries()) image[k] += v * x[i];
    for (const [i, column] of columns.entries()) y[i] = column.reduce((sum, v, k) => sum + v * image[k], 0);
  };
  return Math.sqrt(lanczosEstimate(gram, size, size));
}

/** The largest movement found on the sphere of radius r: ascent by the Jacobian where the search has got to. */
function reached(half, x, r, normal) {
  const from = valueAt(half, x);
  let most = 0;
  for (let start = 0; start < 6; start++) {
    let d = x.map(() => normal());
    for (let step = 0; step < 12; step++) {
      const size = norm(d);
      const there = x.map((v, i) => v + (d[i] * r) / size);
      const moved = valueAt(half, there).map((v, k) => v - from[k]);
      most = Math.max(most, norm(moved));
      d = Float64Array.from(jacobian(half, there), (column) =>
        column.reduce((sum, v, k) => sum + v * moved[k], 0),
      );
      if (norm(d) === 0) break;
    }
  }
  return most;
}

function families() {
  console.log(
    `family              D/(|J| r) at r = ${SMALL}: secant  linear (worst)   reached/D at r = ${LARGE}: secant  linear`,
  );
  for (const [name, make] of Object.entries(FAMILIES)) {
    const ratios = { secant: [], linear: [] };
    const shares = { secant: [], linear: [] };
    for (let seed = 0; seed < SEEDS; seed++) {
      const normal = normals(seed + 1);
      const half = halfOf(make(normal));
      const x = Float64Array.from({ length: half.inputDims.reduce((a, b) => a * b, 1) }, normal);
      const evaluation = evaluateLeftHalf(half, x);
      const steep = spectral(jacobian(half, x));
      const found = seed < SEEDS / 4 ? reached(half, x, LARGE, normal) : null;
      for (const kind of KINDS) {
        const bound = createLeftHalfBound(half, kind, DELTA);
        const D = (r) =>
          bound.displacementAt(evaluation, r, (size) => Float64Array.from({ length: size }, normal));
        ratios[kind].push(D(SMALL) / (steep * SMALL));
        if (found !== null) shares[kind].push(found / D(LARGE));
      }
    }
    const cells = KINDS.map((kind) => median(ratios[kind]).toFixed(2).padStart(7));
    const worst = Math.max(...ratios.linear).toFixed(2);
    const reach = KINDS.map((kind) => mean(shares[kind]).toFixed(2).padStart(7));
    console.log(
      `${name.padEnd(20)}${cells[0].padStart(31)} ${cells[1]} (${worst.padStart(5)}) ${reach[0].padStart(31)} ${reach[1]}`,
    );
  }
}

const programs = { families, networks: () => networks(place('../shared')) };
const program = programs[process.argv[2]];
if (program === undefined) {
  console.error('Say which: families or networks.');
  process.exitCode = 4;
} else await program();
