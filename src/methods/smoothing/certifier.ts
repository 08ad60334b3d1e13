/** Anything decided by votes, as a certifier: a stream of certificates, and PREDICT for single answers. */
import { inOrder } from '../../smoothing/in-order.ts';
import type { Context } from '../context.ts';
import type { Certificate, Certifier, Image, SeriesNoise } from '../method.ts';
import { predictedClass } from './prediction.ts';
import type { Sigma, VoteSettings } from './settings.ts';
import type { Draw, DrawnVotes } from './votes.ts';

/**
 * Images in work at once: one whose bound is computed on this thread, one whose votes are counted by the workers, and one
 * whose class is selected already, so that the workers go on to it without waiting for this thread.
 */
const AHEAD = 3;

/** A network cut and loaded, before it is known how much noise is added. */
export interface NoiseReady<E extends object> {
  /** Throws ModelRefused for noise that proves nothing here. */
  at(settings: VoteSettings & { readonly sigma: Sigma }, noise: SeriesNoise): Smoothed<E>;
  close(): Promise<void>;
}

/** A smoothed classifier, image by image. */
export interface Smoothed<E extends object> extends Omit<Certifier<E>, 'certify' | 'answer'> {
  readonly sigma: Sigma;
  certifyOne(image: Image, context: Context): Promise<Certificate<E>>;
  /** Votes around what an image becomes at the cut. */
  votes(image: Image, draw: Draw, signal: AbortSignal): Promise<DrawnVotes>;
}

export function certifierOf<E extends object>(smoothed: Smoothed<E>): Certifier<E> {
  const { guarantee, facts, checks, sigma } = smoothed;
  return {
    ...{ guarantee, facts, checks },
    certify: (images, context) =>
      inOrder(
        images,
        AHEAD,
        (image, signal) => smoothed.certifyOne(image, { ...context, signal }),
        context.signal,
      ),
    async answer(image, { stage, number, draws, alpha, seed }, { signal }) {
      const votes = await smoothed.votes(image, { stage, draws, sigma, seed, from: number * draws }, signal);
      return { ...predictedClass(votes, alpha, votes.tau), draws };
    },
    close: () => smoothed.close(),
  };
}
