// The bounds `secant` and `linear` attacked: random networks of every family, random images, several radii; 24 starts of 36 steps of
// gradient ascent in float64 per ball.
//   node tools/linear-bound/table.mjs attack [balls per family] [family]
import { evaluateLeftHalf } from '../../dist/lipschitz/evaluate-left-half.js';
import { createLeftHalfBound } from '../../dist/lipschitz/input-radius.js';
import { FAMILIES } from './families.mjs';
import { halfOf, normals, reached } from './half.mjs';

const KINDS = ['secant', 'linear'];
const RADII = [0.03, 0.1, 0.3, 1];
const [STARTS, STEPS] = [24, 36];
const IMAGES = 8;
const DELTA = 1e-6;
/** What float64 may add to a distance that is measured, not bounded. */
const MEASURED = 1e-12;

const quantile = (values, q) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))];

/** reached/D of the balls around one image, per bound; Infinity where D is below what was reached. */
function sharesAt(half, x, normal) {
  const evaluation = evaluateLeftHalf(half, x);
  const bounds = KINDS.map((kind) => createLeftHalfBound(half, kind, DELTA));
  return RADII.map((r) => {
    const found = reached(half, x, r, normal, STARTS, STEPS);
    return bounds.map((bound) => {
      const probes = (size) => Float64Array.from({ length: size }, normal);
      const D = bound.displacementAt(evaluation, r, probes);
      return { share: found / D, violated: found > D * (1 + MEASURED) };
    });
  });
}

export function attack() {
  const [wanted = '2240', only] = process.argv.slice(3);
  const balls = Number(wanted);
  console.log(
    'family                balls  reached/D secant: median    most   linear: median    most   violations',
  );
  let [all, violations] = [0, 0];
  for (const [name, make] of Object.entries(FAMILIES)) {
    if (only !== undefined && only !== name) continue;
    const shares = KINDS.map(() => []);
    let violated = 0;
    for (let seed = 0; shares[0].length < balls; seed++) {
      const normal = normals(10_000 + seed);
      const half = halfOf(make(normal));
      const size = half.inputDims.reduce((a, b) => a * b, 1);
      for (let image = 0; image < IMAGES; image++)
        for (const perKind of sharesAt(half, Float64Array.from({ length: size }, normal), normal))
          for (const [k, one] of perKind.entries()) {
            shares[k].push(one.share);
            if (one.violated) violated++;
          }
    }
    all += shares[0].length;
    violations += violated;
    const cells = shares.map((one) => [quantile(one, 0.5), quantile(one, 1)].map((v) => v.toFixed(3)));
    console.log(
      `${name.padEnd(20)} ${String(shares[0].length).padStart(6)} ${cells[0][0].padStart(25)} ${cells[0][1].padStart(7)} ${cells[1][0].padStart(16)} ${cells[1][1].padStart(7)} ${String(violated).padStart(12)}`,
    );
  }
  console.log(`${all} balls, ${violations} violations`);
  if (violations > 0) process.exitCode = 1;
}
