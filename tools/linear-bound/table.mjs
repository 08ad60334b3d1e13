// The bound that keeps the linear part beside the one by secants (docs/certificates.md, section 3.1):
//   node tools/linear-bound/table.mjs families   D/(norm of the Jacobian * r) at r = .03 and reached/D at r = .3, random networks
//   node tools/linear-bound/table.mjs attack     reached/D over thousands of balls (attack.mjs)
//   node tools/linear-bound/table.mjs networks   radius and time behind the second and third activation of real networks (../shared)
//   node tools/linear-bound/table.mjs scores     radius of whole networks without noise (../shared)
// Needs dist/ (npm run build).
import { fileURLToPath } from 'node:url';
import { evaluateLeftHalf } from '../../dist/lipschitz/evaluate-left-half.js';
import { createLeftHalfBound } from '../../dist/lipschitz/input-radius.js';
import { lanczosEstimate } from '../../dist/lipschitz/lanczos.js';
import { attack } from './attack.mjs';
import { FAMILIES } from './families.mjs';
import { halfOf, normals, reached } from './half.mjs';
import { networks, scores } from './networks.mjs';

const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const KINDS = ['secant', 'linear'];
const SEEDS = 24;
const [SMALL, LARGE] = [0.03, 0.3];
const DELTA = 1e-6;
const [STARTS, STEPS] = [24, 36];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
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
      const found = seed < SEEDS / 4 ? reached(half, x, LARGE, normal, STARTS, STEPS) : null;
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

const programs = {
  families,
  attack,
  networks: () => networks(place('../shared')),
  scores: () => scores(place('../shared')),
};
const program = programs[process.argv[2]];
if (program === undefined) {
  console.error('Say which: families, attack, networks or scores.');
  process.exitCode = 4;
} else await program();
