/**
 * A whole network as a left half and a last affine layer: y = W h + c, where h are the features behind the last nonlinearity
 * (the image itself, in a network without any).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate, normUp } from '../../ground/rounding-error.ts';
import { compileLeftHalf } from '../../lipschitz/compile-left-half.ts';
import type { DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from '../../lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound, DEFAULT_DELTA, type LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { LeftHalf } from '../../lipschitz/left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { identityMatrix } from '../../operators/algebra/sparse-matrix.ts';

export interface BoundedNetwork {
  /** Up to the scores. */
  readonly whole: LeftHalf;
  /** The bound of the features. */
  readonly features: LeftHalfBound;
  /** The scores, with their forward error. */
  evaluate(image: Float32Array): Evaluation;
  /** Upper bounds on ||w_j - w_i|| for every class i; 0 for j itself. */
  normsAgainst(j: number): readonly number[];
}

/** A network without its bound. */
type SplitNetwork = Omit<BoundedNetwork, 'features'> & { readonly half: LeftHalf };

const compiled = new WeakMap<PreparedClassifier, SplitNetwork>();

/**
 * Compiled once per model; the bound is a new one at every call, as its norms are those of one run.
 * @throws ModelRefused naming the operator that has no bound, and where the scores are not one affine layer behind the last
 *         nonlinearity
 */
export function boundedNetwork(classifier: PreparedClassifier, lipschitz: DisplacementBound): BoundedNetwork {
  const network = compiled.get(classifier) ?? splitNetwork(classifier);
  compiled.set(classifier, network);
  return { ...network, features: createLeftHalfBound(network.half, lipschitz, DEFAULT_DELTA) };
}

/** A network from a tensor to its scores: `input` is the tensor, `inputDims` its shape at batch 1. */
export type NetworkPart = Pick<PreparedClassifier, 'model' | 'input' | 'inputDims' | 'classes'>;

/**
 * The part of a network behind a tensor, likewise.
 * @param delta failure probability that probabilistic norms may spend
 * @throws ModelRefused as `boundedNetwork`
 */
export function networkBehind(
  part: NetworkPart,
  lipschitz: DisplacementBound,
  delta: number,
): BoundedNetwork {
  const network = splitNetwork(part);
  return { ...network, features: createLeftHalfBound(network.half, lipschitz, delta) };
}

function splitNetwork({ model, input, inputDims, classes }: NetworkPart): SplitNetwork {
  const [scores] = model.graph.outputs;
  if (scores === undefined) throw new Error('a classifier has an output');
  const whole = compileLeftHalf(input, inputDims, scores);
  const [term, ...more] = whole.output.terms;
  if (term === undefined || more.length > 0 || whole.output.size !== classes) {
    throw new ModelRefused({
      what: 'the scores are not one affine layer behind the last nonlinearity',
      where: model.path,
      why: `they are combined from ${more.length + 1} tensors`,
      remedy: 'Use --method splitz or --method smoothing.',
    });
  }
  const { base, matrix } = term;
  const dims = base === 0 ? inputDims : (whole.steps[base - 1]?.dims ?? []);
  const size = matrix.cols;
  const half: LeftHalf = {
    inputDims,
    dims: sizeOf(dims) === size ? dims : [1, size],
    steps: whole.steps.slice(0, base),
    output: {
      size,
      terms: [{ base, matrix: identityMatrix(size) }],
      bias: new Float64Array(size),
      biasError: 0,
    },
  };
  const rows = rowsOf(matrix);
  const known = new Map<number, readonly number[]>();
  return {
    whole,
    half,
    evaluate: (image) => evaluateLeftHalf(whole, Float64Array.from(image)),
    normsAgainst(j) {
      const norms =
        known.get(j) ?? rows.map((row, i) => (i === j ? 0 : differenceNorm(rows[j] ?? row, row, matrix)));
      known.set(j, norms);
      return norms;
    },
  };
}

/** The rows of the last layer: W^T applied to unit vectors, which rounds nothing. */
const rowsOf = (matrix: LinearMap): Float64Array[] =>
  Array.from({ length: matrix.rows }, (_, i) => {
    const unit = new Float64Array(matrix.rows);
    unit[i] = 1;
    return matrix.applyAdjoint(unit);
  });

/** An upper bound on the norm of the exact difference: one rounding per entry, and what the stored matrix is off by twice. */
const differenceNorm = (a: Float64Array, b: Float64Array, { error }: LinearMap): number =>
  inflate(normUp(a.map((value, k) => value - (b[k] ?? 0))) + 2 * error, 4);
