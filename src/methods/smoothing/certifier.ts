/** Anything decided by votes, as a certifier: a stream of certificates, and PREDICT for single answers. */
import { type DrawGroup, drawGroup } from '../../smoothing/draw-group.ts';
import { inOrder } from '../../smoothing/in-order.ts';
import type { Context } from '../context.ts';
import type { Certificate, Certifier, Image, SeriesNoise } from '../method.ts';
import { noiseGroups } from './noise-groups.ts';
import { predictedClass } from './prediction.ts';
import type { Sigma, VoteSettings } from './settings.ts';
import type { Draw, DrawnVotes } from './votes.ts';

/**
 * Images, or groups that share their noise, in work at once: one whose bound is computed on this thread, one whose votes are counted by the workers, and one
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
  /** @param group the images that are drawn together */
  certifyOne(image: Image, context: Context, group: DrawGroup): Promise<Certificate<E>>;
  /** Votes around what an image becomes at the cut. */
  votes(image: Image, draw: Draw, signal: AbortSignal): Promise<DrawnVotes>;
}

export function certifierOf<E extends object>(smoothed: Smoothed<E>): Certifier<E> {
  const { guarantee, facts, checks, sigma } = smoothed;
  return {
    ...{ guarantee, facts, checks },
    async *certify(images, context) {
      const groups = inOrder(
        noiseGroups(images),
        AHEAD,
        (group, signal) => certifyTogether(smoothed, group, { ...context, signal }),
        context.signal,
      );
      for await (const certificates of groups) yield* certificates;
    },
    async answer(image, { stage, number, draws, alpha, seed }, { signal }) {
      const votes = await smoothed.votes(image, { stage, draws, sigma, seed, from: number * draws }, signal);
      return { ...predictedClass(votes, alpha, votes.tau), draws };
    },
    close: () => smoothed.close(),
  };
}

/** Certificates of images that share their noise. The first failure ends them all. */
async function certifyTogether<E extends object>(
  smoothed: Smoothed<E>,
  images: readonly Image[],
  context: Context,
): Promise<Certificate<E>[]> {
  const group = drawGroup(images.length);
  return Promise.all(
    images.map((image) => smoothed.certifyOne(image, context, group).finally(() => group.leave())),
  );
}
