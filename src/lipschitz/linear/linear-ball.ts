/** The left half on one ball with its linear part kept: the theorem of docs/certificates.md, section 3.1, step by step. */
import { inflate, normUp } from '../../ground/rounding-error.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import type { Scales } from '../../operators/algebra/scales.ts';
import type { Linearisation, Movement, MovingInput } from '../../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from '../affine-form.ts';
import { masked, type NormOf, noLess, reach } from '../displacement.ts';
import type { Approximation, Evaluation } from '../evaluate-left-half.ts';
import { type LeftHalf, type Segment, type Step, segmentsOf } from '../left-half.ts';
import { behindStep, overSymbols, ownSymbol } from './composed-forms.ts';
import type { LinearPlan } from './linear-plan.ts';

/** What is fixed around an image: every J, and the forms over the symbols. Valid for a ball of any radius. */
export interface LinearMaps {
  /** Of the input of each step. */
  readonly forms: readonly AffineForm[];
  /** Of each step; null where J = 0. */
  readonly linearisations: readonly (Linearisation | null)[];
  /** Of the image and of each step's output. */
  readonly parts: readonly AffineForm[];
  readonly output: AffineForm;
}

export interface LinearBall {
  readonly maps: LinearMaps;
  /** Bounds on v_0 (the image's movement) and on the remainder of each step. */
  readonly symbols: readonly Movement[];
  /** Bounds on the whole movement of the image and of each step's output. */
  readonly bases: readonly Movement[];
  /** D(r). */
  readonly displacement: number;
}

/** Norms of matrices that are composed for one image. */
export interface BallNorms {
  readonly normOf: NormOf;
  /** Announces the matrices of a form, with their shapes, before their norms are requested. */
  enter(segments: readonly Segment[]): void;
}

/** Cell by cell the smaller of two bounds on the same movement. */
export const smaller = (a: Float64Array, b: Float64Array): Float64Array =>
  a.map((bound, i) => Math.min(bound, b[i]!));

/** One step: bounds on its input's movement, its J, and what remains. */
class Pass {
  readonly forms: AffineForm[] = [];
  readonly linearisations: (Linearisation | null)[] = [];
  readonly parts: AffineForm[];
  readonly symbols: Movement[];
  readonly bases: Movement[];
  readonly #half: LeftHalf;
  readonly #norms: BallNorms;

  constructor(half: LeftHalf, r: number, norms: BallNorms) {
    this.#half = half;
    this.#norms = norms;
    const moved: Movement = { rho: noLess(r), box: null };
    this.symbols = [moved];
    this.bases = [moved];
    this.parts = [ownSymbol(0, sizeOf(half.inputDims))];
  }

  /** The form over the symbols, its matrices announced. */
  formOf(form: AffineForm, dims: readonly number[]): AffineForm | null {
    const whole = overSymbols(form, this.parts);
    if (whole !== null) this.#norms.enter(segmentsOf(this.#half, whole, dims));
    return whole;
  }

  /** Upper bounds on the movement of each cell of a form. */
  reachOf(form: AffineForm, whole: AffineForm): Float64Array {
    return smaller(reach(whole, this.symbols), reach(form, this.bases));
  }

  /** Upper bound on ||diag(rows) Δz||. */
  weighted(whole: AffineForm, T: Float64Array, rows: Scales): number {
    return Math.min(masked(whole, this.symbols, rows, true, this.#norms.normOf), boxNorm(T, rows));
  }

  /** False where the step has no bound on this ball. */
  step(
    { input, size, nonlinearity, dims }: Step,
    centre: Approximation,
    keeps: boolean,
    known: LinearMaps | null,
  ): boolean {
    const k = this.forms.length;
    const whole = known?.forms[k] ?? this.formOf(input, dims);
    if (whole === null) return false;
    const T = this.reachOf(input, whole);
    const at = { centre: centre.value, error: centre.error, T };
    const moving: MovingInput = { ...at, weighted: (rows) => this.weighted(whole, T, rows) };
    const split = known !== null ? known.linearisations[k]! : keeps ? linearised(nonlinearity, at) : null;
    // Where there is a linear part, the whole movement matters cell by cell only: the norm of its box does for the rest.
    const boxes: MovingInput = { ...at, weighted: (rows) => boxNorm(T, rows) };
    const moved = nonlinearity.movement(split === null ? moving : boxes, 'secant');
    const rest = split === null ? moved : split.remainder(moving);
    if (!(rest.rho < Number.POSITIVE_INFINITY && moved.rho < Number.POSITIVE_INFINITY)) return false;
    const part =
      known?.parts[k + 1] ??
      (split === null ? ownSymbol(k + 1, size) : behindStep(split.matrix, whole, k + 1, size));
    if (part === null) return false;
    this.forms.push(whole);
    this.linearisations.push(split);
    this.parts.push(part);
    this.symbols.push({ rho: noLess(rest.rho), box: rest.box });
    this.bases.push({ rho: noLess(moved.rho), box: moved.box });
    return true;
  }
}

const boxNorm = (T: Float64Array, rows: Scales): number =>
  inflate(normUp(rows === null ? T : T.map((t, i) => (t === 0 ? 0 : t * rows[i]!))), 4);

/** The split of a step where all of it is finite. */
function linearised(
  { linear }: Step['nonlinearity'],
  at: Omit<MovingInput, 'weighted'>,
): Linearisation | null {
  return linear !== undefined && at.T.every(Number.isFinite) ? linear.at(at) : null;
}

/**
 * @param plan of the left half
 * @param norms upper bounds where the result is to be one; estimates for searching
 * @param known what was fixed around the same image at another radius; chosen here when null
 * @returns null where the ball has no bound
 */
export function linearBall(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  plan: LinearPlan,
  norms: BallNorms,
  known: LinearMaps | null = null,
): LinearBall | null {
  const pass = new Pass(half, r, norms);
  for (const [k, step] of half.steps.entries()) {
    const centre = evaluation.inputs[k];
    // A centre that overflowed, or is not a number, is unknown.
    if (centre === undefined || !Number.isFinite(centre.error)) return null;
    if (!pass.step(step, centre, plan.keeps[k]!, known)) return null;
  }
  const output = known?.output ?? pass.formOf(half.output, half.dims);
  if (output === null) return null;
  const { forms, linearisations, parts, symbols, bases } = pass;
  const displacement = pass.weighted(output, pass.reachOf(half.output, output), null);
  if (!(displacement < Number.POSITIVE_INFINITY)) return null;
  return { maps: { forms, linearisations, parts, output }, symbols, bases, displacement };
}
