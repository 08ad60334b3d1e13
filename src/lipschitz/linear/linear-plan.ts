/**
 * Which steps keep a linear part, decided once by the sparsity of the matrices alone: the same for every image, so that the time of
 * a bound and the norms it may have to buy with failure probability are known before the first. Composed matrices of an image have
 * entries only where those of the plan do.
 */
import { PER_IMAGE } from '../../operators/algebra/factorisable.ts';
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { remembered } from '../../operators/algebra/remembered.ts';
import { SparseMatrix } from '../../operators/algebra/sparse-matrix.ts';
import type { AffineForm } from '../affine-form.ts';
import { factorisedNorm } from '../factorised-norm.ts';
import { type LeftHalf, type Segment, segmentsOf } from '../left-half.ts';
import { behindStep, overSymbols, ownSymbol, written } from './composed-forms.ts';

export interface LinearPlan {
  /** Of each step. */
  readonly keeps: readonly boolean[];
  /** Norms that one ball may take and that only products bound: each fails with some probability. */
  readonly probabilistic: number;
  /** Multiplications of the bound of one image, about. */
  readonly work: number;
}

/** Of a composed matrix: 96 MB. */
const MOST_ENTRIES = 8_000_000;
/** Of all composed matrices of an image together: 360 MB. */
const MOST_TOGETHER = 30_000_000;
/** Entries of an operator's J. */
const MOST_IN_STEP = 2_000_000;
/** Multiplications that are always worth it: about a second. */
const ALWAYS = 2e8;
/** Times the matrices of an image are composed, with what writing an entry takes in multiplications. */
const COMPOSED = 5 * 4;
/** Products with a matrix and its transpose in a search, and in a proof without factorisation. */
const SEARCHED = 2 * 8 * 12;
const PROVED = 2 * 168;

/** Ones in the places of the entries. */
const ones = remembered(
  (matrix: SparseMatrix): SparseMatrix =>
    matrix.withValues(new Float64Array(matrix.value.length).fill(1)).withError(0),
);

/** The form with ones for entries; null where a matrix is too large to write out. */
function patternOf(form: AffineForm): AffineForm | null {
  if (form.terms.some(({ matrix }) => matrix.work() > MOST_ENTRIES)) return null;
  return {
    ...form,
    terms: form.terms.map(({ base, matrix }) => ({ base, matrix: ones(written(matrix)) })),
  };
}

/** Multiplications of A B. */
function multiplications(a: LinearMap, b: LinearMap): number {
  const [left, right] = [written(a), written(b)];
  let sum = 0;
  for (const middle of left.column) sum += right.rowStart[middle + 1]! - right.rowStart[middle]!;
  return sum;
}

const entriesOf = (form: AffineForm): number =>
  form.terms.reduce((sum, { matrix }) => sum + matrix.work(), 0);

/** What composing a form with the parts of its bases takes. */
const compositionOf = (form: AffineForm, parts: readonly AffineForm[]): number =>
  form.terms.reduce(
    (sum, { base, matrix }) =>
      sum + parts[base]!.terms.reduce((all, part) => all + multiplications(matrix, part.matrix), 0),
    0,
  );

interface Norms {
  readonly probabilistic: number;
  readonly work: number;
}

/** The norms of the matrices of a form, each taken `uses` times. */
function normsOf(segments: readonly Segment[], uses: number): Norms {
  let [probabilistic, work] = [0, 0];
  for (const { matrix, rowDims, columnDims } of segments) {
    const proof =
      matrix instanceof SparseMatrix ? factorisedNorm(matrix, rowDims, columnDims, PER_IMAGE) : null;
    if (proof === null) probabilistic += uses;
    work += uses * (SEARCHED * matrix.work() + 2 * (proof?.work ?? PROVED * matrix.work()));
  }
  return { probabilistic, work };
}

/**
 * The plan of a left half: steps keep their linear parts from the first on; where a composed matrix would become too large, or all
 * of it too long, those that it is composed of give up theirs, and the linear part begins anew behind them.
 *
 * @param allowed multiplications that the bound of an image may take, at least `ALWAYS`
 */
export function linearPlan(half: LeftHalf, allowed: number): LinearPlan {
  const keeps = half.steps.map(
    ({ nonlinearity: { linear } }) => linear !== undefined && linear.entries <= MOST_IN_STEP,
  );
  // The chords through the centre are all there is to say of one activation.
  const [only, ...others] = half.steps;
  if (only?.nonlinearity.kind === 'activation' && others.length === 0 && copies(half.output))
    keeps[0] = false;
  const most = Math.max(ALWAYS, allowed);
  for (;;) {
    const tried = tryPlan(half, keeps, most);
    if ('plan' in tried) return tried.plan;
    if (tried.tooLarge.length === 0)
      throw new Error('a form without linear parts is no larger than the half');
    for (const base of tried.tooLarge) keeps[base - 1] = false;
  }
}

const copies = ({ terms }: AffineForm): boolean =>
  terms.length === 1 && terms[0]!.matrix.isSelection() && terms[0]!.matrix.longestColumn() <= 1;

type Tried = { readonly plan: LinearPlan } | { readonly tooLarge: readonly number[] };

function tryPlan(half: LeftHalf, keeps: readonly boolean[], most: number): Tried {
  const inputSize = half.inputDims.reduce((product, dim) => product * dim, 1);
  const parts: AffineForm[] = [ownSymbol(0, inputSize)];
  let [probabilistic, work, held] = [0, 0, 0];
  /** Whether the matrices of a form can be held beside the others; counts them. */
  const fits = (form: AffineForm): boolean => {
    const entries = entriesOf(form);
    held += entries;
    return entries <= MOST_ENTRIES && held <= MOST_TOGETHER;
  };
  /** The form over symbols; null where it is too large, or nothing is left to spend on it. */
  const formOf = (form: AffineForm, dims: readonly number[], uses: number): AffineForm | null => {
    const kept = form.terms.some(({ base }) => base > 0 && keeps[base - 1]);
    const pattern = kept ? patternOf(form) : form;
    if (pattern === null) return null;
    const composition = kept ? compositionOf(pattern, parts) : 0;
    if (kept && work + COMPOSED * composition > most) return null;
    const whole = overSymbols(pattern, parts);
    if (whole === null || (kept && !fits(whole))) return null;
    const norms = normsOf(segmentsOf(half, whole, dims), uses);
    if (kept && work + COMPOSED * composition + norms.work > most) return null;
    work += COMPOSED * composition + norms.work;
    probabilistic += norms.probabilistic;
    return whole;
  };
  /** J L and the step's own symbol; null where that is too large, or takes too long. */
  const behindOf = (J: SparseMatrix, form: AffineForm, symbol: number, size: number): AffineForm | null => {
    const pattern = patternOf(form);
    if (pattern === null) return null;
    work += COMPOSED * pattern.terms.reduce((sum, { matrix }) => sum + multiplications(J, matrix), 0);
    if (work > most) return null;
    const behind = behindStep(J, pattern, symbol, size);
    return behind !== null && fits(behind) ? behind : null;
  };
  const keptIn = (form: AffineForm): number[] =>
    form.terms.flatMap(({ base }) => (base > 0 && keeps[base - 1] ? [base] : []));
  for (const [k, { input, dims, size, nonlinearity }] of half.steps.entries()) {
    const { linear, norms } = nonlinearity;
    const whole = formOf(input, dims, Math.max(norms, linear?.norms ?? 0));
    if (whole === null) return { tooLarge: keptIn(input) };
    if (!keeps[k] || linear === undefined) {
      parts.push(ownSymbol(k + 1, size));
      continue;
    }
    const behind = behindOf(ones(linear.pattern()), whole, k + 1, size);
    if (behind === null) return { tooLarge: [k + 1] };
    parts.push(behind);
  }
  if (formOf(half.output, half.dims, 1) === null) return { tooLarge: keptIn(half.output) };
  return { plan: { keeps, probabilistic, work } };
}
