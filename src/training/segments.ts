/**
 * The left half as regularisers see it: affine runs z = A h with an activation on each, in a chain. Its Lipschitz
 * bounds are those of the network as it will be certified, so BatchNormalization counts with its running statistics.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { describeNode, intsAttribute, type Node, type Value } from '../onnx/model/graph.ts';
import { trainingFormOf } from '../operators/registry.ts';
import type { TrainingContext, TrainingForm } from '../operators/training/form.ts';
import { refuseTraining } from '../operators/training/operands.ts';
import { type Application, evaluate, type Part, partBetween, type TrainedTensors } from './evaluation.ts';
import type { NamedTensors } from './program.ts';

type OnState<Arguments extends readonly Tensor[]> = (
  context: TrainingContext,
  state: NamedTensors,
  ...tensors: Arguments
) => Tensor;

/** Affine nodes in a row, z = A(h); possibly none, then the identity. */
export interface AffineRun {
  /** "Sub node 'n' to Conv node 'c'"; '' for the identity. */
  readonly name: string;
  /** A(h), h of the segment's input shape with any batch. */
  readonly apply: OnState<[h: Tensor]>;
  /** A(v) - A(0), computed without the offsets. */
  readonly linear: OnState<[v: Tensor]>;
  /**
   * Σ_j a_ij² v_j, v of the segment's input shape; a batch of 1 is enough where it does not depend on the image.
   * @throws ModelRefused when more than one operator of the run mixes entries
   */
  readonly squaredRows: OnState<[v: Tensor]>;
}

/** An elementwise activation a = φ(z). */
export interface ActivationStep {
  /** "Relu node 'r'". */
  readonly name: string;
  readonly forward: OnState<[z: Tensor]>;
  /** Largest slope of a chord through z within `reach` (> 0, broadcasts to z); differentiable. */
  readonly secantSlope: OnState<[z: Tensor, reach: Tensor]>;
  /** 1 where φ can vary on [z - reach, z + reach], else 0; no gradient. */
  readonly variesWithin: OnState<[z: Tensor, reach: Tensor]>;
}

export interface Segment {
  /** What the affine run reads: the network's input, or the output of the activation before. */
  readonly input: Value;
  readonly affine: AffineRun;
  /** Null only in the last segment. */
  readonly activation: ActivationStep | null;
}

const EARLIER = 'Cut the network earlier, or train without a regulariser.';

/**
 * The segments from `input` to `cut`. A max pool without overlap at the end is omitted: it is 1-Lipschitz in l2, so
 * bounds hold without it.
 * @param dependent values that change with the image
 * @throws ModelRefused naming the node that joins branches or has no secant
 */
export function segmentsOf(
  input: Value,
  cut: Value,
  dependent: ReadonlySet<Value>,
  trained: TrainedTensors,
): Segment[] {
  const chain = withoutFinalPools(chainTo(input, cut, dependent));
  const segments: Segment[] = [];
  let start = input;
  let run: Node[] = [];
  const end = (): Value => run.at(-1)?.outputs[0] ?? start;
  for (const node of chain) {
    const form = trainingFormOf(node) as TrainingForm;
    if (form.squaredRows !== undefined) {
      run.push(node);
      continue;
    }
    if (form.secantSlope === undefined || form.variesWithin === undefined)
      refuseTraining(node, 'regularisers do not know a bound for it in the left half', EARLIER);
    const output = node.outputs[0] as Value;
    segments.push({
      input: start,
      affine: affineRun(run, partBetween(start, end(), trained), start),
      activation: activationStep(node, form, partBetween(end(), output, trained), end()),
    });
    start = output;
    run = [];
  }
  if (run.length > 0)
    segments.push({
      input: start,
      affine: affineRun(run, partBetween(start, end(), trained), start),
      activation: null,
    });
  return segments;
}

/** The nodes from `input` to `cut`, each with one input that depends on the image. */
function chainTo(input: Value, cut: Value, dependent: ReadonlySet<Value>): Node[] {
  const chain: Node[] = [];
  let value = cut;
  while (value !== input) {
    const node = value.producer as Node;
    const sources = node.inputs.filter((v): v is Value => v !== null && dependent.has(v));
    const [source, second] = sources;
    if (source === undefined) throw new Error(`'${value.name}' does not depend on the input`);
    if (second !== undefined)
      refuseTraining(
        node,
        'it joins two branches of the left half, which regularisers cannot bound',
        EARLIER,
      );
    chain.unshift(node);
    value = source;
  }
  return chain;
}

function withoutFinalPools(chain: readonly Node[]): readonly Node[] {
  const last = chain.at(-1);
  if (last?.opType !== 'MaxPool') return chain;
  const kernel = intsAttribute(last, 'kernel_shape') ?? [];
  const strides = intsAttribute(last, 'strides') ?? kernel.map(() => 1);
  return kernel.every((size, axis) => size <= (strides[axis] ?? 1))
    ? withoutFinalPools(chain.slice(0, -1))
    : chain;
}

/** The context of a bound: running statistics, which stay as they are. */
const ofBound = (context: TrainingContext): TrainingContext => ({ ...context, statistics: 'running' });

const linearPart: Application = (form, node, operands, context) =>
  (form.linear ?? form.forward)(node, operands, context);

function affineRun(run: readonly Node[], part: Part, from: Value): AffineRun {
  const [first, last] = [run[0], run.at(-1)];
  const [mixing, second] = run.filter((node) => trainingFormOf(node)?.mixes?.(node));
  const through =
    (application?: Application): OnState<[Tensor]> =>
    (context, state, h) =>
      evaluate(part, ofBound(context), state, from, h, application);
  const squares = through((form, node, operands, context) => {
    const rows = form.squaredRows?.(node, operands, context);
    if (rows === undefined) throw new Error(`${describeNode(node)} is not affine`);
    return rows;
  });
  const ends = [...new Set([first, last])].filter((node) => node !== undefined);
  return {
    name: ends.map(describeNode).join(' to '),
    apply: through(),
    linear: through(linearPart),
    squaredRows(context, state, v) {
      if (mixing !== undefined && second !== undefined)
        refuseTraining(
          second,
          `${describeNode(mixing)} comes before it without an activation between them, so the row norms of their product are not available`,
          EARLIER,
        );
      return squares(context, state, v);
    },
  };
}

function activationStep(node: Node, form: TrainingForm, part: Part, from: Value): ActivationStep {
  const at = (
    [context, state, z]: readonly [TrainingContext, NamedTensors, Tensor],
    application?: Application,
  ): Tensor => evaluate(part, ofBound(context), state, from, z, application);
  const { secantSlope, variesWithin } = form as Required<TrainingForm>;
  return {
    name: describeNode(node),
    forward: (context, state, z) => at([context, state, z]),
    secantSlope: (context, state, z, reach) =>
      at([context, state, z], (_form, _node, operands, inner) =>
        secantSlope(node, operands, inner, z, reach),
      ),
    variesWithin: (context, state, z, reach) =>
      at([context, state, z], (_form, _node, operands, inner) =>
        variesWithin(node, operands, inner, z, reach),
      ),
  };
}
