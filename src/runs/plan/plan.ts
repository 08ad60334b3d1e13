/** A pilot run that estimates the cost of a certification, and finds the best settings of its method. */
import { UsageError } from '../../ground/errors.ts';
import { askedOf } from '../../methods/asked.ts';
import { type Context, note } from '../../methods/context.ts';
import { METHODS, methodNamed } from '../../methods/index.ts';
import type { Method, RunPilot } from '../../methods/method.ts';
import { requireCount } from '../../methods/sourced.ts';
import { PILOT_SEED } from '../../methods/splitz/left-half.ts';
import { repeatsGrey } from '../../onnx/intake/pixel-layout.ts';
import { aloneInWords } from '../../statistics/network-alone.ts';
import { denoiserNote } from '../open-denoiser.ts';
import { dataSpec, type OpenedSubject, openSubject, type SubjectRequest } from '../open-subject.ts';
import { asked, type SeriesRequests } from '../settle.ts';
import { type Plan, planDocument } from './document.ts';
import { forecast } from './forecast.ts';
import { pilotImages } from './pilot-images.ts';
import { tryDenoised } from './try-denoised.ts';

/** Default seed of the pilot's noise: the same command gives the same plan. */
export const PLAN_SEED = Number(PILOT_SEED);

export interface PlanRequest extends SubjectRequest, SeriesRequests {
  readonly seed?: number | undefined;
  /** Images of the pilot. */
  readonly images: number;
  /** Draws per pilot image and point of the grid. */
  readonly draws: number;
  readonly cuts?: readonly string[] | undefined;
  /** Noise to try, at the input. */
  readonly levels?: readonly number[] | undefined;
  /** The radius at which the certified share decides; by default the average radius does. */
  readonly at?: number | undefined;
  /** The run that is planned, as for `certify`. */
  readonly start: number;
  readonly skip: number;
  readonly max?: number | undefined;
}

/** What the planned run is to be started with. */
export interface Decision {
  /** Settings of the method. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Images to certify, where the last ones of the data were used up; null for all. */
  readonly max: number | null;
}

export interface Planned {
  readonly subject: OpenedSubject;
  readonly document: Plan;
  readonly decision: Decision;
}

/** Throws UsageError for invalid counts and levels, before anything is opened. */
export function checkPlan(request: PlanRequest): void {
  const counts = { images: 2, draws: 10, start: 0, skip: 1 } as const;
  for (const [name, least] of Object.entries(counts))
    requireCount(`--${name}`, request[name as keyof typeof counts], least);
  if (request.max !== undefined) requireCount('--max', request.max, 1);
  if (request.seed !== undefined) requireCount('--seed', request.seed, 0);
  const wrong = request.levels?.find((level) => !(level > 0));
  if (wrong === undefined) return;
  throw new UsageError({
    what: `--levels holds ${wrong}`,
    why: 'noise has a positive deviation',
    remedy: 'Write --levels 0.25,0.5,1.',
  });
}

/** @throws UsageError, ModelRefused for what cannot be planned; the signal's reason when aborted */
export async function plan(request: PlanRequest, context: Context): Promise<Planned> {
  checkPlan(request);
  const method = methodNamed(request.method ?? METHODS[0]?.name ?? '');
  const runPilot = pilotOf(method);
  const given = askedOf(method, asked(request.settings, request.origins));
  // Checked before anything is opened.
  method.preview(given, {}, new Map());
  const asIs = await openSubject(request, (text) => note(context, text));
  const openedSeconds = performance.now() / 1000;
  const { data, subset } = asIs;
  const spec = dataSpec(request, asIs.classifier.source);
  const greyAsRgb = repeatsGrey(asIs.intake.channelOrder.value);
  const pilot = await pilotImages(spec, data, { subset, greyAsRgb }, request.images);
  note(context, `data   ${data.describe()}`);
  if (asIs.alone !== null) note(context, `alone  ${aloneInWords(asIs.alone)}`);
  if (asIs.denoiser !== null) note(context, denoiserNote(asIs.denoiser));
  for (const text of data.notes ?? []) note(context, `data   ${text}`);
  note(context, `pilot  ${pilot.from}, ${request.draws} draws each`);

  const seed = BigInt(request.seed ?? PLAN_SEED);
  const levels = request.levels && [...new Set(request.levels)].sort((a, b) => a - b);
  const { draws, cuts, at = null } = request;
  const wanted = { asked: given, draws, cuts, levels, at, seed };
  const { subject, found } =
    asIs.denoiser === null
      ? { subject: asIs, found: await runPilot(wanted, asIs, pilot, context) }
      : await tryDenoised(runPilot, wanted, asIs, request, pilot, context);
  // Noise of its own, so that norms are proved anew as `certify` proves them.
  const timed = { ...request, settings: { ...request.settings, ...found.chosen }, seed: seed + 1n };
  const measured = await forecast(timed, subject, pilot.images, found, context);
  const available = Math.max(0, Math.ceil((data.length - pilot.heldOut - request.start) / request.skip));
  const images = Math.min(available, request.max ?? available);
  const document = planDocument(
    {
      pilot: { from: pilot.from, images: pilot.images.length, draws },
      labelled: pilot.labels.every((label) => label !== null),
      norm: method.norm,
      alone: subject.alone,
    },
    found,
    await found.outlook(measured.certificates),
    { ...measured, startSeconds: openedSeconds + measured.startSeconds },
    images,
  );
  const n = found.n.origin === 'default' ? document.usefulN : found.n.value;
  const max = pilot.heldOut === 0 && request.max === undefined ? null : images;
  return { subject, document, decision: { settings: { ...found.chosen, n }, max } };
}

function pilotOf({ name, title, pilot }: Method): RunPilot {
  if (pilot !== null) return pilot;
  const others = METHODS.filter((method) => method.pilot !== null).map((method) => `--method ${method.name}`);
  throw new UsageError({
    what: `there is nothing to plan for --method ${name}`,
    why: `${title} has no settings that a pilot run chooses`,
    remedy: `Certify without a plan, or plan for ${others.join(' or ')}.`,
  });
}
