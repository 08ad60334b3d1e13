/**
 * A whole network as a left half whose output is the scores, and the differences of its scores as forms of their own: row i of
 * `against(j)` is y_j - y_i, whose rows are subtracted before any norm of them is taken.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { gamma, inflate, normUp } from '../../ground/rounding-error.ts';
import type { AffineForm } from '../../lipschitz/affine-form.ts';
import { CertainNorms } from '../../lipschitz/certain-norms.ts';
import { compileLeftHalf } from '../../lipschitz/compile-left-half.ts';
import type { DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from '../../lipschitz/evaluate-left-half.ts';
import { togetherEvaluator } from '../../lipschitz/evaluate-together.ts';
import type { LeftHalf } from '../../lipschitz/left-half.ts';
import { createScoreBound, type ScoreBound } from '../../lipschitz/pairwise-radius.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { buildMatrix, SparseMatrix } from '../../operators/algebra/sparse-matrix.ts';
import { extentOf, SMALLEST_CARRIED, withoutSmall } from '../../operators/compile/carried-range.ts';

export interface BoundedNetwork {
  /** Up to the scores. */
  readonly whole: LeftHalf;
  /** Norms of its segments, each proved once. */
  readonly norms: CertainNorms;
  readonly bound: ScoreBound;
  /** The scores, with their forward error. */
  evaluate(image: Float32Array): Evaluation;
  /** The same of several images, in a part of the time. */
  evaluateTogether(images: readonly Float32Array[]): Evaluation[];
  /** y_j - y_i for every class i, without the offsets. */
  against(j: number): AffineForm;
}

const compiled = new WeakMap<PreparedClassifier, Omit<BoundedNetwork, 'bound'>>();

/**
 * Compiled once per model, and its norms proved once.
 * @throws ModelRefused naming the operator that has no bound
 */
export function boundedNetwork(classifier: PreparedClassifier, lipschitz: DisplacementBound): BoundedNetwork {
  const network = compiled.get(classifier) ?? compile(classifier);
  compiled.set(classifier, network);
  return { ...network, bound: createScoreBound(network.whole, network.norms, lipschitz) };
}

/** A network from a tensor to its scores: `input` is the tensor, `inputDims` its shape at batch 1. */
export type NetworkPart = Pick<PreparedClassifier, 'model' | 'input' | 'inputDims' | 'classes'>;

/**
 * The part of a network behind a tensor, bounded over all of space.
 * @throws ModelRefused as `boundedNetwork`
 */
export function networkBehind(part: NetworkPart): BoundedNetwork {
  const network = compile(part);
  return { ...network, bound: createScoreBound(network.whole, network.norms, 'global') };
}

/** Entries of differences that are kept: one network of a thousand classes would otherwise hold gigabytes. */
const MOST_ENTRIES = 2e7;

const entriesOf = (form: AffineForm): number =>
  form.terms.reduce((sum, { matrix }) => sum + matrix.work(), 0);

function compile({ model, input, inputDims, classes }: NetworkPart): Omit<BoundedNetwork, 'bound'> {
  const [scores] = model.graph.outputs;
  if (scores === undefined) throw new Error('a classifier has an output');
  const whole = compileLeftHalf(input, inputDims, scores);
  if (whole.output.size !== classes) {
    throw new ModelRefused({
      what: `the network ends in ${whole.output.size} numbers for ${classes} classes`,
      where: model.path,
      remedy: 'Export it with one score per class.',
    });
  }
  const rows = whole.output.terms.map(({ matrix }) => rowsOf(matrix));
  const known = new Map<number, AffineForm>();
  let together: ReturnType<typeof togetherEvaluator> | null = null;
  return {
    whole,
    norms: new CertainNorms(whole),
    evaluate: (image) => evaluateLeftHalf(whole, Float64Array.from(image)),
    evaluateTogether(images) {
      together ??= togetherEvaluator(whole);
      return together(images.map((image) => Float64Array.from(image)));
    },
    against(j) {
      const form = known.get(j) ?? {
        size: classes,
        terms: whole.output.terms.map(({ base, matrix }, k) => ({
          base,
          matrix: differences(rows[k] ?? [], j, matrix),
        })),
        bias: new Float64Array(classes),
        biasError: 0,
      };
      // The last one asked for stays longest.
      known.delete(j);
      known.set(j, form);
      const most = Math.max(1, Math.floor(MOST_ENTRIES / Math.max(1, entriesOf(form))));
      for (const oldest of known.keys()) {
        if (known.size <= most) break;
        known.delete(oldest);
      }
      return form;
    },
  };
}

/** The rows of a map as computed: its adjoint applied to unit vectors, which rounds nothing for entries that are stored. */
const rowsOf = (matrix: LinearMap): Float64Array[] =>
  Array.from({ length: matrix.rows }, (_, i) => {
    const unit = new Float64Array(matrix.rows);
    unit[i] = 1;
    return matrix.applyAdjoint(unit);
  });

/** Row j less every row, one rounding per entry; what the map is off by counts twice, and rows that are not stored are off by more. */
export function differences(rows: readonly Float64Array[], j: number, map: LinearMap): SparseMatrix {
  const { cols, error } = map;
  // Of K rows whose magnitudes have a Frobenius norm of sqrt(K) || |A| ||: the error of each, and K times that of row j.
  const computing =
    map instanceof SparseMatrix ? 0 : 2 * rows.length * gamma(map.longestColumn()) * map.absoluteNorm();
  const own = rows[j] ?? new Float64Array(cols);
  const values = rows.map((row) => own.map((value, k) => value - (row[k] ?? 0)));
  const matrix = buildMatrix(rows.length, cols, rows.length * cols, (row, add) => {
    values[row]?.forEach((value, k) => {
      if (value !== 0) add(k, value);
    });
  });
  const rounded = inflate(
    gamma(2) * normUp(Float64Array.from(values.map(normUp))) + 2 * error + computing,
    6,
  );
  const stated = matrix.withError(rounded);
  return extentOf(stated).least < SMALLEST_CARRIED ? withoutSmall(stated, SMALLEST_CARRIED) : stated;
}
