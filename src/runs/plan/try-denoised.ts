/** The pilot of a network behind a denoiser: at the denoiser's cut alone, with the denoiser as it is used at each level of noise. */

import { roundDown } from '../../ground/decimal.ts';
import { UsageError } from '../../ground/errors.ts';
import { type Context, note } from '../../methods/context.ts';
import type { Pilot, PilotImages, PilotRequest, RunPilot } from '../../methods/method.ts';
import { type DenoiserRequest, denoisedAt, loadDenoiser } from '../open-denoiser.ts';
import type { OpenedSubject } from '../open-subject.ts';
import { subjectOf } from '../subject-of-series.ts';

export interface Tried {
  readonly subject: OpenedSubject;
  readonly found: Pilot;
}

/** Around the noise that the denoiser was trained for, or is first used at. */
const FACTORS = [0.5, 0.7, 1, 1.4, 2];

/**
 * @param subject opened with the denoiser
 * @throws UsageError for cuts other than the denoiser's; what the pilot throws
 */
export async function tryDenoised(
  runPilot: RunPilot,
  request: PilotRequest,
  subject: OpenedSubject,
  asked: DenoiserRequest,
  images: PilotImages,
  context: Context,
): Promise<Tried> {
  const { denoiser, network } = subject;
  if (denoiser === null || asked.denoiser === undefined) throw new Error('there is a denoiser');
  if (request.cuts !== undefined) {
    throw new UsageError({
      what: '--cuts does not go with --denoiser',
      why: 'a denoiser belongs to one cut',
      remedy: 'Omit it.',
    });
  }
  const cuts = [String(denoiser.asked['split']?.value)];
  if (denoiser.sigma === null) {
    const found = await runPilot({ ...request, cuts }, subject, images, context);
    if (denoiser.cut.index === 0) await tellWithout(runPilot, request, { subject, found }, images, context);
    return { subject, found };
  }
  if (denoiser.cut.index > 0) {
    throw new UsageError({
      what: 'plan does not try a denoiser of latents that was trained for one level of noise',
      why: 'levels are those of the input, and it is scaled to the noise at its cut',
      remedy: 'Certify without a plan: it is used at the noise it was trained for.',
    });
  }
  const { sigma } = denoiser;
  const levels = request.levels ?? FACTORS.map((factor) => Number((factor * sigma).toPrecision(2)));
  const loaded = await loadDenoiser(asked.denoiser, asked, network);
  const tried: Tried[] = [];
  for (const level of levels) {
    const { classifier, denoiser: used } = await denoisedAt(loaded, network, level);
    const at: OpenedSubject = { ...subject, classifier, denoiser: used };
    tried.push({
      subject: at,
      found: await runPilot({ ...request, cuts, levels: [level] }, at, images, context),
    });
  }
  const best = bestOf(tried);
  await tellWithout(runPilot, request, best, images, context);
  return best;
}

/** What the denoiser buys: the network without it at the noise that was best with it. */
async function tellWithout(
  runPilot: RunPilot,
  request: PilotRequest,
  { subject, found: { best } }: Tried,
  images: PilotImages,
  context: Context,
): Promise<void> {
  const bare = subjectOf({ denoised: false }, subject);
  const without = await runPilot(
    { ...request, cuts: ['input'], levels: [best.sigma] },
    bare,
    images,
    context,
  );
  const [behind, alone] = [best, without.best].map(({ averageRadius }) => roundDown(averageRadius, 3));
  note(
    context,
    `gain   at sigma ${best.sigma} an expected average radius of ${behind} behind the denoiser, of ${alone} without it`,
  );
}

/** The first of the best, with the grid of all. */
function bestOf(tried: readonly Tried[]): Tried {
  const [best] = [...tried].sort(
    ({ found: a }, { found: b }) => b.share - a.share || b.best.averageRadius - a.best.averageRadius,
  );
  if (best === undefined) throw new Error('there is a level');
  return { ...best, found: { ...best.found, grid: tried.flatMap(({ found }) => found.grid) } };
}
