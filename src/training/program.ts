/**
 * What an engine runs: pure functions on named float32 tensors. State goes in and comes out; nothing is changed in
 * place, no random number is drawn inside (noise is fed), shapes are fixed. The same function can therefore run eagerly
 * on any tfjs backend or be traced once into an ONNX graph.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../operators/training/form.ts';

/** A float32 tensor outside of any engine, row-major. */
export interface HostTensor {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

export type NamedTensors = { readonly [name: string]: Tensor };

export interface StepFunction {
  /** Shapes of what is fed at each call; all float32. */
  readonly feeds: ReadonlyMap<string, readonly number[]>;
  /**
   * @param state every state tensor by name
   * @param feeds every feed by name
   * @returns the state tensors that change (same shapes), and what the caller wants to know
   */
  compute(
    tf: Tf,
    state: NamedTensors,
    feeds: NamedTensors,
  ): { readonly state: NamedTensors; readonly results: NamedTensors };
}

export interface Program {
  /** Initial values. */
  readonly state: ReadonlyMap<string, HostTensor>;
  readonly functions: { readonly [name: string]: StepFunction };
}
