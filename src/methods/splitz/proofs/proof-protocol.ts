/** What the main thread and a proof thread post to each other. */
import type { ErrorReport } from '../../../ground/errors.ts';
import type { DisplacementBound } from '../../../lipschitz/displacement-bounds.ts';
import type { ProofName, Proofs } from './proofs.ts';

/** The left half that a thread proves things of: it compiles its own. */
export interface ProvedHalf {
  /** ONNX bytes, from the image to the cut. */
  readonly model: Uint8Array;
  /** Shape of one image, batch axis (1) included. */
  readonly inputDims: readonly number[];
  readonly lipschitz: DisplacementBound;
  readonly delta: number;
  /** Of the bound compiled elsewhere: another one is not the same left half. */
  readonly work: number;
}

export interface Question<K extends ProofName = ProofName> {
  readonly id: number;
  readonly name: K;
  readonly args: Parameters<Proofs[K]>;
}

/** To a proof thread: the half first. */
export type ToThread = { readonly half: ProvedHalf } | Question;

/** From a proof thread. The report has no `cause`: not every error can be posted. */
export type FromThread = { readonly id: number } & (
  | { readonly result: ReturnType<Proofs[ProofName]> }
  | { readonly report: ErrorReport }
);
