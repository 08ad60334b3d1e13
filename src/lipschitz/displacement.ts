/**
 * The displacement function of the left half at a fixed centre x (docs/certificates.md, section 3):
 *
 *   D(r) >= sup over ||x' - x|| <= r of ||f_L(x') - f_L(x)||.
 *
 * Every base carries rho, a bound on its l2 displacement, and a box, bounds per coordinate. An activation after z = sum_j
 * A_j h_j + c sees T_i = sum_j min(rho_j ||row_i(A_j)||, (|A_j| box_j)_i) and moves by at most
 *
 *   rho = sum_j ||diag(m) A_j diag(I_j)|| rho_j,     m_i = 1 (global), mask_i (SPLITZ eq. 18), secant slope (secant),
 *
 * where I_j keeps the coordinates of base j that can move at all. A map of whole vectors enters by its Lipschitz constant,
 * or by row scalings that hold on the ball (local-map.ts): rho = sum_k sum_j ||diag(slopes_k) A_j diag(I_j)|| rho_j.
 *
 * Whatever moves at all is taken to move by at least `TINY`, and a slope is at least `TINY` unless its coordinate is known
 * to stand still: norms of 1e-35 multiplied over and over would underflow to a D of 0, which every radius satisfies.
 */

import { inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import type { Scales } from '../operators/algebra/scales.ts';
import type { Movement } from '../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from './affine-form.ts';
import type { SegmentwiseBound } from './displacement-bounds.ts';
import type { Approximation, Evaluation } from './evaluate-left-half.ts';
import type { LeftHalf, Step } from './left-half.ts';

/** || diag(rows) matrix diag(columns) ||_2, by the method of the caller's choice: bound or estimate. */
export type NormOf = (matrix: LinearMap, rows: Scales, columns: Scales) => number;

/** 1 for coordinates that can move, 0 for those that cannot; null when all can. */
function moving(movement: Movement): Scales {
  // NaN counts as a movement: the comparison is with 0 only.
  if (movement.box === null || movement.box.every((b) => b !== 0)) return null;
  return movement.box.map((b) => (b === 0 ? 0 : 1));
}

/** 0, or at least `TINY`. */
export const noLess = (moved: number): number => (moved > 0 ? Math.max(moved, TINY) : moved);

/** T: upper bounds on the displacement of each coordinate of an affine form. */
export function reach(form: AffineForm, bases: readonly Movement[]): Float64Array {
  const total = new Float64Array(form.size);
  for (const { base, matrix } of form.terms) {
    const { rho, box } = bases[base]!;
    const norms = matrix.rowNorms();
    const boxed = box === null ? null : matrix.applyAbsolute(box);
    const slack = box === null ? 0 : productUp(matrix.error, normUp(box));
    for (let i = 0; i < total.length; i++) {
      const ball = productUp(rho, norms[i]!);
      total[i] = total[i]! + (boxed === null ? ball : Math.min(ball, boxed[i]! + slack));
    }
  }
  for (let i = 0; i < total.length; i++) total[i] = noLess(inflate(total[i]!, form.terms.length + 4));
  return total;
}

/** sum_j ||diag(rows) A_j diag(I_j)|| rho_j. */
export function masked(
  form: AffineForm,
  bases: readonly Movement[],
  rows: Scales,
  useColumns: boolean,
  normOf: NormOf,
): number {
  let rho = 0;
  for (const { base, matrix } of form.terms) {
    const from = bases[base]!;
    if (from.rho !== 0) rho += productUp(normOf(matrix, rows, useColumns ? moving(from) : null), from.rho);
  }
  return noLess(inflate(rho, form.terms.length + 4));
}

/** How the output of a step moves. `centre` is its input there; the global bound does not need one. */
function stepMovement(
  { input, nonlinearity }: Step,
  centre: Approximation | undefined,
  bases: readonly Movement[],
  bound: SegmentwiseBound,
  normOf: NormOf,
): Movement {
  if (bound === 'global') {
    const { lipschitz } = nonlinearity;
    const rho = Number.isFinite(lipschitz)
      ? nonlinearity.globalRho(masked(input, bases, null, false, normOf))
      : Number.POSITIVE_INFINITY;
    return { rho, box: null };
  }
  // A centre that overflowed, or is not a number, is unknown.
  if (centre === undefined || !Number.isFinite(centre.error)) return UNBOUNDED;
  const moving = {
    centre: centre.value,
    error: centre.error,
    T: reach(input, bases),
    weighted: (rows: Scales) => masked(input, bases, rows, true, normOf),
  };
  return nonlinearity.movement(moving, bound === 'secant' ? 'secant' : 'mask');
}

const UNBOUNDED: Movement = { rho: Number.POSITIVE_INFINITY, box: null };

/** The movement of every base (the input, then the output of each step) on the ball; null where one has no bound. */
export function movements(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  bound: SegmentwiseBound,
  normOf: NormOf,
): readonly Movement[] | null {
  const bases: Movement[] = [{ rho: noLess(r), box: null }];
  for (const [index, step] of half.steps.entries()) {
    const { rho, box } = stepMovement(step, evaluation.inputs[index], bases, bound, normOf);
    if (!Number.isFinite(rho)) return null;
    bases.push({ rho: noLess(rho), box });
  }
  return bases;
}

/**
 * D(r): an upper bound on the l2 displacement of the latent over the l2 ball of radius r around the evaluated centre,
 * provided `normOf` returns upper bounds (and `bound` is not `power`).
 *
 * @param r radius in the units of the left half's input
 */
export function displacement(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  bound: SegmentwiseBound,
  normOf: NormOf,
): number {
  const bases = movements(half, evaluation, r, bound, normOf);
  return bases === null ? Number.POSITIVE_INFINITY : latentMovement(half, bases, bound, normOf);
}

/** D of the output form, given how the bases move. */
export function latentMovement(
  half: LeftHalf,
  bases: readonly Movement[],
  bound: SegmentwiseBound,
  normOf: NormOf,
): number {
  const moved = masked(half.output, bases, null, bound !== 'global', normOf);
  return Number.isFinite(moved) ? moved : Number.POSITIVE_INFINITY;
}

/** The product bound does not look at the centre. */
const NO_CENTRE: Evaluation = { latent: { value: new Float64Array(0), error: 0 }, inputs: [], bases: [] };

/** Upper bound on the Lipschitz constant on all of space (`global` at radius 1), if `normOf` returns upper bounds. */
export function productBound(half: LeftHalf, normOf: NormOf): number {
  return displacement(half, NO_CENTRE, 1, 'global', normOf);
}
