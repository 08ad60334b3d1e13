/**
 * The local bound that keeps the linear part (docs/certificates.md, section 3.1) as a term of the training loss, for a chain of
 * segments z_k = A_k h_{k-1}, h_k = φ_k(z_k). With c and w the middle and half the width of the chord slopes of φ_k within the
 * reach, Δh_k = diag(c_k) A_k Δh_{k-1} + v_k and ||v_k|| <= φ_k = ||diag(w_k) Δz_k||, so that the movements are sums
 *
 *   Δz_k = Σ_s L_{k,s} v_s,   φ_k <= Σ_s ||diag(w_k) L_{k,s}|| φ_s,   L <= Σ_s ||L_s|| φ_s / r
 *
 * over the symbols v_0 = Δx, v_1, … Like the others an estimate: norms by power iteration, the least slope by the chords to both ends.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TrainingContext } from '../operators/training/form.ts';
import { largestNorm } from './largest-norm.ts';
import type { ActivationStep, Segment } from './network.ts';
import type { NamedTensors } from './program.ts';

/** A symbol v_s in a value, of the shape of the input of segment s. */
interface Part {
  /** L_s; null for the identity. */
  readonly linear: ((v: Tensor) => Tensor) | null;
  /** φ_s, [B]. */
  readonly most: Tensor;
}

/** The norms of `linearBound` are taken on inputs of these segments, in this order. */
export function linearVectorSegments(segments: readonly Segment[]): number[] {
  const symbolsBefore = segments.flatMap(({ activation }, k) =>
    activation === null ? [] : segments.slice(0, k + 1).map((_, s) => s),
  );
  return [...symbolsBefore, ...segments.keys()];
}

/** Middle and half the width of the chord slopes of an activation. */
function chords(
  activation: ActivationStep,
  context: TrainingContext,
  state: NamedTensors,
  z: Tensor,
  reach: Tensor,
): { readonly middle: Tensor; readonly width: Tensor } {
  const { tf } = context;
  const at = (point: Tensor): Tensor => activation.forward(context, state, point);
  const here = at(z);
  const up = tf.div(tf.sub(at(tf.add(z, reach)), here), reach);
  const down = tf.div(tf.sub(here, at(tf.sub(z, reach))), reach);
  const most = activation.secantSlope(context, state, z, reach);
  const least = tf.minimum(up, down);
  return { middle: tf.div(tf.add(most, least), 2), width: tf.div(tf.sub(most, least), 2) };
}

/** One image batch on its way through the segments. */
export class LinearMovement {
  readonly vectors: Tensor[] = [];
  #parts: readonly Part[];
  readonly #context: TrainingContext;
  readonly #state: NamedTensors;
  readonly #warm: readonly Tensor[];
  readonly #steps: number;

  /**
   * @param moved radius of the ball, [B]
   * @param warm start vectors, as `linearVectorSegments` lists them
   * @param steps power iterations
   */
  constructor(
    context: TrainingContext,
    state: NamedTensors,
    moved: Tensor,
    warm: readonly Tensor[],
    steps: number,
  ) {
    this.#context = context;
    this.#state = state;
    this.#parts = [{ linear: null, most: moved }];
    this.#warm = warm;
    this.#steps = steps;
  }

  /** Past one segment. `z`: the input of its activation; `reach`: how far each cell of it moves. */
  pass({ affine, activation }: Segment, z: Tensor, reach: Tensor): void {
    const { tf } = this.#context;
    const before = this.#parts.map(({ linear, most }) => ({
      linear: (v: Tensor): Tensor => affine.linear(this.#context, this.#state, linear?.(v) ?? v),
      most,
    }));
    if (activation === null) {
      this.#parts = before;
      return;
    }
    const { middle, width } = chords(activation, this.#context, this.#state, z, reach);
    const rest = this.#moved(before, width);
    const scaled = before.map(({ linear, most }) => ({
      linear: (v: Tensor): Tensor => tf.mul(linear(v), middle),
      most,
    }));
    this.#parts = [...scaled, { linear: null, most: rest }];
  }

  /** Bound on how far the last value moves, [B]. */
  end(): Tensor {
    return this.#moved(this.#parts, null);
  }

  /** Σ_s ||diag(rows) L_s|| φ_s. */
  #moved(parts: readonly Part[], rows: Tensor | null): Tensor {
    const { tf } = this.#context;
    const movements = parts.map(({ linear, most }) => {
      if (linear === null) return most;
      const start = this.#warm[this.vectors.length] as Tensor;
      const { norm, vector } = largestNorm(tf, linear, rows, start, this.#steps);
      this.vectors.push(vector);
      return tf.mul(norm, most);
    });
    return movements.reduce((sum, movement) => tf.add(sum, movement));
  }
}
