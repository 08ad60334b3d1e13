/**
 * How far the scores that ONNX Runtime computes in float32 are from the exact ones, before any image is seen: an upper bound in
 * l2 that rises with the norm of the image, for networks in which every segment between two nonlinearities rounds in one place
 * only, its convolution or matrix product. There each result is a sum of n products and an offset, added up in any order,
 * with or without fused steps, and is off by at most gamma_{n+1} times the sum of their magnitudes (Higham, section 3.1, with
 * u = 2^-24). Everything else only moves numbers or picks one of them. With h_k(x) the exact outputs of nonlinearities,
 *
 *   ||h_k(x)|| <= ||h_k(0)|| + rho_k ||x||,   e_z = sum_b ||A_b|| e_b + gamma (||  |A_b| || (||h_b|| + e_b) + ||c||),   e_k = L_k e_z,
 *
 * rho_k the global bound on the movement of h_k and L_k the Lipschitz constant of the nonlinearity. Both sides are affine in
 * ||x||, so two numbers hold the bound. Where a magnitude may leave the range of float32 there is none: the same holds of the sums
 * of magnitudes, || |A_b| || (||h_b|| + e_b) + ||c||, which bound every partial sum. Where a network rounds elsewhere too (x + a - a), no bound is given.
 */
import { inflate, normUp } from '../../ground/rounding-error.ts';
import type { AffineForm } from '../../lipschitz/affine-form.ts';
import { movements, type NormOf } from '../../lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../lipschitz/evaluate-left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { inputDependent } from '../../onnx/model/dependence.ts';
import { floatAttribute, type Node, type Value } from '../../onnx/model/graph.ts';
import type { BoundedNetwork } from './network.ts';

/** Upper bound on the l2 error of the scores at images of a norm. */
export type ScoreError = (imageNorm: number) => number;

/** a + b ||x||. */
interface Rising {
  readonly at0: number;
  readonly slope: number;
}

const times = ({ at0, slope }: Rising, factor: number): Rising => ({
  at0: inflate(at0 * factor, 2),
  slope: inflate(slope * factor, 2),
});
const plus = (a: Rising, b: Rising): Rising => ({
  at0: inflate(a.at0 + b.at0, 2),
  slope: inflate(a.slope + b.slope, 2),
});
const constant = (at0: number): Rising => ({ at0, slope: 0 });

/** gamma_n in float32, rounded up. */
const gamma32 = (n: number): number => inflate((n * 2 ** -24) / (1 - n * 2 ** -24), 4);
/** More than a sum can lose to results below float32's normal range, flushed or not, per term. */
const LEAST32 = 2 ** -124;
/** Partial sums up to here do not overflow. */
const MOST32 = 2 ** 127;

const MOVES = new Set([
  'Reshape',
  'Flatten',
  'Slice',
  'Concat',
  'Split',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Identity',
]);
const PICKS = new Set(['Relu', 'Max', 'Min', 'MaxPool', 'Clip']);
const SUMS = new Set(['Conv', 'Gemm', 'MatMul']);

/** Null where the network rounds in ways that this bound does not follow. */
export function scoreError(
  { model, input, inputDims }: PreparedClassifier,
  { whole, norms: { proving } }: Pick<BoundedNetwork, 'whole' | 'norms'>,
): ScoreError | null {
  const size = inputDims.reduce((product, d) => product * d, 1);
  if (!roundsOnce(model.graph.nodes, inputDependent(model.graph), input)) return null;
  const origin = evaluateLeftHalf(whole, new Float64Array(size));
  const moved = movements(whole, origin, 1, 'global', proving);
  if (moved === null) return null;
  const errors: Rising[] = [constant(0)];
  const lengths: Rising[] = [{ at0: 0, slope: 1 }];
  const magnitudes: Rising[] = [];
  const through = (form: AffineForm): Rising => {
    magnitudes.push(formMagnitude(form, lengths, errors));
    return formError(form, lengths, errors, proving);
  };
  for (const [k, { input: form, nonlinearity }] of whole.steps.entries()) {
    errors.push(times(through(form), nonlinearity.lipschitz));
    const base = origin.bases[k + 1];
    lengths.push({
      at0: inflate(normUp(base?.value ?? new Float64Array(0)) + (base?.error ?? 0), 4),
      slope: moved[k + 1]?.rho ?? Number.POSITIVE_INFINITY,
    });
  }
  const { at0, slope } = through(whole.output);
  if (!Number.isFinite(at0 + slope)) return null;
  return (imageNorm) =>
    magnitudes.every((one) => inflate(one.at0 + one.slope * imageNorm, 4) < MOST32)
      ? inflate(at0 + slope * imageNorm, 4)
      : Number.POSITIVE_INFINITY;
}

/** A bound on the sum of the magnitudes of all terms of any entry, as float32 computes it but for its last roundings. */
function formMagnitude(form: AffineForm, lengths: readonly Rising[], errors: readonly Rising[]): Rising {
  return form.terms.reduce(
    (total, { base, matrix }) => {
      const [length, error] = [lengths[base], errors[base]];
      if (length === undefined || error === undefined) throw new Error('a base of its own form');
      return plus(total, times(plus(length, error), 1.01 * (matrix.absoluteNorm() + matrix.error)));
    },
    constant(inflate(normUp(form.bias) + form.biasError, 4)),
  );
}

function formError(
  form: AffineForm,
  lengths: readonly Rising[],
  errors: readonly Rising[],
  proving: NormOf,
): Rising {
  const terms = form.terms.reduce((sum, { matrix }) => sum + matrix.longestRow(), 0);
  const rounding = gamma32(terms + 2);
  let total = constant(
    inflate(
      rounding * (normUp(form.bias) + form.biasError) +
        form.biasError +
        (terms + 2) * Math.sqrt(form.size) * LEAST32,
      6,
    ),
  );
  for (const { base, matrix } of form.terms) {
    const [length, error] = [lengths[base], errors[base]];
    if (length === undefined || error === undefined) throw new Error('a base of its own form');
    const computed = plus(length, error);
    total = plus(total, times(computed, rounding * (matrix.absoluteNorm() + matrix.error) + matrix.error));
    total = plus(total, times(error, proving(matrix, null, null)));
  }
  return total;
}

/** Whether at most one convolution or product lies between any two nonlinearities, and nothing else that rounds. */
function roundsOnce(nodes: readonly Node[], dependent: ReadonlySet<Value>, input: Value): boolean {
  /** Whether a value has been through a sum since the last nonlinearity. */
  const summed = new Map<Value, boolean>([[input, false]]);
  for (const node of nodes) {
    const read = [...node.inputs, ...node.captured].filter(
      (value): value is Value => value !== null && dependent.has(value),
    );
    if (read.length === 0) continue;
    if (node.domain !== '' || node.captured.length > 0) return false;
    const before = read.some((value) => summed.get(value) !== false);
    if (SUMS.has(node.opType)) {
      if (before || read.length > 1 || scaled(node)) return false;
    } else if (!MOVES.has(node.opType) && !PICKS.has(node.opType)) return false;
    const after = SUMS.has(node.opType) || (before && !PICKS.has(node.opType));
    for (const value of node.outputs) if (value !== null) summed.set(value, after);
  }
  return true;
}

const scaled = (node: Node): boolean =>
  node.opType === 'Gemm' && (floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1);
