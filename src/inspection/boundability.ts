/**
 * Which cuts have a left half with a sound bound, and why the others do not; the global Lipschitz bounds and the norms
 * of the affine segments, as many as fit in the time given. For `inspect`.
 *
 * The time is kept: a matrix is built, or a norm proved, only when what it should take still fits. What is omitted is reported as
 * omitted, never guessed.
 */
import { ModelRefused } from '../ground/errors.ts';
import type { AffineForm } from '../lipschitz/affine-form.ts';
import { type LeftHalfCompiler, leftHalfCompiler } from '../lipschitz/compile-left-half.ts';
import { MOST_WORK } from '../lipschitz/convolution-symbol.ts';
import { productBound } from '../lipschitz/displacement.ts';
import { DEFAULT_DELTA } from '../lipschitz/input-radius.ts';
import { type LeftHalf, segmentsOf } from '../lipschitz/left-half.ts';
import { boundedBySymbol, createSpectralNorm } from '../lipschitz/spectral-norm.ts';
import { probesOf } from '../methods/splitz/left-half.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Shapes } from '../onnx/intake/shapes.ts';
import { valueDependent, valuesRead } from '../onnx/model/dependence.ts';
import { describeNode, type Node, type Value } from '../onnx/model/graph.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { operatorOf, whyUnsupported } from '../operators/registry.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { type TimeBudget, timeBudget } from './time-budget.ts';

export interface CutBoundability {
  readonly cut: Cut;
  /** Why the left half has no bound; null when it has, or when nothing found so far rules one out. */
  readonly why: string | null;
  /** False where time ran out before the left half was built: then only its operators were checked. */
  readonly checked: boolean;
  /** Upper bound on the left half's Lipschitz constant on all of space; null when there is none, or not in time. */
  readonly latentLipschitz: number | null;
  /** True where only balls have a bound, and all of space certainly has none (a product, Exp, a jump). */
  readonly localOnly: boolean;
}

/** Whether the left half was built, and has a bound. */
export const isBoundable = ({ why, checked }: CutBoundability): boolean => why === null && checked;

export interface SegmentNorm {
  /** The nonlinearity the segment feeds. */
  readonly name: string;
  /** Upper bound on its operator norm (the largest of its terms, where a residual has several). */
  readonly norm: number;
}

export function boundability(
  { cuts, input, inputDims, model, shapes }: PreparedClassifier,
  milliseconds: number,
): { cuts: CutBoundability[]; segments: SegmentNorm[] } {
  const budget = timeBudget(milliseconds);
  const left = unreachedNodes(valueDependent(model.graph));
  const compile = leftHalfCompiler(input, inputDims);
  const norms = new Map<LinearMap, number>();
  const segments: SegmentNorm[] = [];
  let failure: string | null = null;
  let building = true;
  let product: number | null = 1;
  const listed = cuts.cuts.map((cut): CutBoundability => {
    const unmeasured = { latentLipschitz: null, localOnly: false };
    if (cut.value === input) return { cut, why: null, checked: true, latentLipschitz: 1, localOnly: false };
    const nodes = left(cut.value);
    if (failure !== null) return { cut, why: failure, checked: true, ...unmeasured };
    const unsupported = nodes.find((node) => operatorOf(node) === null && !isConstant(node));
    if (building) {
      try {
        building = build(nodes, compile, shapes, budget);
        if (building) {
          const half = compile(cut.value);
          const localOnly = half.steps.some((step) => !Number.isFinite(step.nonlinearity.lipschitz));
          const measured: boolean = product !== null && measure(half, norms, segments, budget);
          product = measured ? lipschitzOf(half, norms) : null;
          return { cut, why: null, checked: true, latentLipschitz: product, localOnly };
        }
      } catch (error) {
        if (!(error instanceof ModelRefused)) throw error;
        failure = error.report.what;
        return { cut, why: failure, checked: true, ...unmeasured };
      }
    }
    failure = unsupported === undefined ? null : whyUnsupported(unsupported);
    return { cut, why: failure, checked: failure !== null, ...unmeasured };
  });
  return { cuts: listed, segments };
}

const isConstant = (node: Node): boolean => node.opType === 'Constant' && node.domain === '';

/** The nodes that a value needs, depend on the image's values, and that no value asked for before needed, in topological order. */
function unreachedNodes(dependent: ReadonlySet<Value>): (value: Value) => Node[] {
  const reached = new Set<Node>();
  return (value) => {
    const found: Node[] = [];
    const waiting = [value];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const node = dependent.has(next) ? next.producer : null;
      if (node === null || reached.has(node)) continue;
      reached.add(node);
      found.push(node);
      // An expression is one operator: its inside is not compiled, and may have no bound.
      const whole = operatorOf(node)
        ?.expression?.(node)
        ?.inputs.filter((v) => v !== null);
      waiting.push(...(whole ?? valuesRead(node)));
    }
    return found.sort((a, b) => a.index - b.index);
  };
}

/** Compiles the nodes one by one; false when the next one does not fit in the time left. */
function build(
  nodes: readonly Node[],
  compile: LeftHalfCompiler,
  shapes: Shapes,
  budget: TimeBudget,
): boolean {
  return nodes.every((node) => {
    const output = node.outputs[0];
    if (output === null || output === undefined) return true;
    return budget.spend('build', compileWork(node, shapes), () => prepared(compile, output)) !== null;
  });
}

/** A result that is not null, since null means that time ran out. */
function prepared(compile: LeftHalfCompiler, value: Value): true {
  compile.prepare(value);
  return true;
}

/** The operator's own measure of compiling the node, for the estimate of its time. */
function compileWork(node: Node, shapes: Shapes): number {
  const dimsOf = (value: Value | null | undefined): readonly number[] =>
    value?.constant?.dims ?? shapes.get(value?.name ?? '')?.dims ?? [];
  return (
    operatorOf(node)?.work?.(node, { inputs: node.inputs.map(dimsOf), output: dimsOf(node.outputs[0]) }) ?? 0
  );
}

/** Products with the matrix that a bound takes: Lanczos steps and the probe (spectral-norm.ts), each out and back. */
const PRODUCTS = 2 * (40 + 128);

/** Multiplications of a bound by its symbol, or by products and their basis; one by a factorisation takes less. */
const normWork = (map: LinearMap): number =>
  boundedBySymbol(map) === null ? map.work() * PRODUCTS + 3200 * map.cols : MOST_WORK;

/** Adds the norms of what is new in this left half; false when time runs out before all are known. */
function measure(
  half: LeftHalf,
  norms: Map<LinearMap, number>,
  segments: SegmentNorm[],
  budget: TimeBudget,
): boolean {
  const learn = (form: AffineForm, dims: readonly number[]): boolean =>
    segmentsOf(half, form, dims).every(({ matrix, rowDims, columnDims }) => {
      if (norms.has(matrix)) return true;
      const bound = budget.spend('norm', normWork(matrix), () =>
        createSpectralNorm(matrix, rowDims, columnDims).bound(
          null,
          null,
          // From a seed that nobody knows: a model can be made for the probes of a known one.
          probesOf(BigInt(drawnSeed()), norms.size),
          DEFAULT_DELTA,
        ),
      );
      if (bound !== null) norms.set(matrix, bound);
      return bound !== null;
    });
  for (const [index, step] of half.steps.entries()) {
    if (!learn(step.input, step.dims)) return false;
    if (index < segments.length) continue;
    const known = step.input.terms.map(({ matrix }) => norms.get(matrix) ?? 0);
    segments.push({ name: describeNode(step.node), norm: Math.max(0, ...known) });
  }
  return learn(half.output, half.dims);
}

/** The product of the norms along the left half; null where only balls have a bound (Exp, Sqrt, jumps). */
function lipschitzOf(half: LeftHalf, norms: ReadonlyMap<LinearMap, number>): number | null {
  const product = productBound(half, (matrix) => {
    const norm = norms.get(matrix);
    if (norm === undefined) throw new Error('a segment without norm');
    return norm;
  });
  return Number.isFinite(product) ? product : null;
}
