/** What every long piece of work is given: where to compute, when to stop, and where to report. */
import type { SamplerPool } from '../smoothing/sampler-pool.ts';

export type Message =
  /** A sentence for people, made for a line of its own. */
  | { readonly kind: 'note'; readonly text: string }
  /** How far the draws of one image are, in [0, 1]. */
  | { readonly kind: 'draws'; readonly index: number; readonly share: number };

export interface Context {
  /** Workers, shared by everything that samples. */
  readonly resources: SamplerPool;
  /** Aborting ends the work with the signal's reason. */
  readonly signal: AbortSignal;
  tell(message: Message): void;
}

export const note = ({ tell }: Pick<Context, 'tell'>, text: string): void => tell({ kind: 'note', text });
