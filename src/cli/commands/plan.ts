/** `plan`: a pilot run that says what a certification will take, and at which cut and noise it is best done. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from '../../ground/errors.ts';
import { DEFAULT_DELTA } from '../../lipschitz/input-radius.ts';
import { leftHalfBoundAt } from '../../methods/smoothed-classifier.ts';
import { numberFrom, numberList, requireCount } from '../../methods/sourced.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { statisticalSettings } from '../../runs/certify-settings.ts';
import { cutFor, globalLipschitz, PILOT_SEED, shortened } from '../../runs/choose-cut.ts';
import { type OpenedRun, openRun } from '../../runs/open-run.ts';
import { planDocument } from '../../runs/plan/document.ts';
import { forecast } from '../../runs/plan/forecast.ts';
import { bestOf, candidateCuts, runGrid } from '../../runs/plan/grid.ts';
import { pilotImages } from '../../runs/plan/pilot-images.ts';
import { alreadyThere, plannedSettings, writeConfig } from '../config/written-config.ts';
import type { PlanFlags } from '../declarations/plan.ts';
import { interruptible } from '../interrupt.ts';
import { renderPlan } from '../terminal/plan.ts';
import { screenOf } from '../terminal/style.ts';

/** Levels at the input where the model names none: those of the field, and between. */
const USUAL_LEVELS = [0.12, 0.25, 0.5, 0.75, 1];
/** Around the level a model was trained for. */
const FACTORS = [0.5, 0.7, 1, 1.4, 2];
const CUTS = 3;

export const run = (flags: PlanFlags): Promise<void> =>
  interruptible('Run the command again.', (signal) => within(flags, signal));

async function within(flags: PlanFlags, signal: AbortSignal): Promise<void> {
  const statistics = statisticalSettings({ ...flags, seed: flags.seed ?? PILOT_SEED });
  const counts = { images: 2, draws: 10, workers: 1, batch: 1, start: 0, skip: 1 } as const;
  for (const [name, least] of Object.entries(counts))
    requireCount(`--${name}`, flags[name as keyof typeof counts], least);
  if (flags.max !== undefined) requireCount('--max', flags.max, 1);
  if (flags.out !== undefined && existsSync(flags.out) && !flags.force) throw alreadyThere(flags.out);
  const note = (text: string): void => {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  };
  const opened = await openRun(flags);
  const openedSeconds = performance.now() / 1000;
  const { classifier, data } = opened;
  const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
  const spec = flags.data ?? classifier.source.metadata.get('splitz.dataset') ?? '';
  const pilot = await pilotImages(spec, data, flags.subset, flags.images);
  note(`data   ${data.describe()}`);
  note(`pilot  ${pilot.from}, ${flags.draws} draws each`);

  const own = modelsCut(opened);
  const cuts =
    flags.cuts === undefined
      ? candidateCuts(classifier, own, CUTS)
      : [...new Set(flags.cuts.split(',').map((name) => cutFor(classifier, name.trim())))];
  const levels = noiseLevels(opened, own, flags);
  const settings = {
    n0: statistics.n0.value,
    n: flags.draws,
    alpha: statistics.alpha.value,
    bound: statistics.bound.value,
    seed: BigInt(statistics.seed.value),
  };
  const points = await runGrid(
    classifier,
    cuts,
    levels,
    pilot,
    settings,
    statistics,
    resources,
    signal,
    note,
  );
  const at = flags.at ?? null;
  const best = bestOf(points, statistics.n.value, statistics, at);
  const baselineSigma = flags.baseline && best.cut.index > 0 ? shortened(best.sigma / best.lipschitz) : null;
  const measured = await forecast(
    classifier,
    best,
    baselineSigma,
    pilot,
    statistics,
    resources,
    openedSeconds,
    signal,
  );
  const available = Math.max(0, Math.ceil((data.length - pilot.heldOut - flags.start) / flags.skip));
  const images = Math.min(available, flags.max ?? available);
  const document = planDocument(
    { from: pilot.from, images: pilot.images.length, draws: flags.draws },
    pilot.labels.every((label) => label !== null),
    points,
    best,
    measured,
    images,
    statistics,
    at,
  );
  const decision = {
    split: best.cut.name,
    sigma: best.sigma,
    n: statistics.n.origin === 'default' ? document.usefulN : statistics.n.value,
    max: pilot.heldOut === 0 && flags.max === undefined ? null : images,
  };
  const planned = plannedSettings(flags, decision);
  if (flags.out !== undefined) {
    const why = [
      `written by splitz-onnx plan for ${basename(flags.model)}, sha256 ${classifier.source.files[0]?.sha256 ?? ''}`,
      `chosen on ${pilot.from}: expected average radius ${document.best.averageRadius.toFixed(3)}`,
    ];
    writeConfig(flags.out, planned, why, flags.force);
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...document, config: planned })}\n`);
  else process.stdout.write(renderPlan(document, screenOf(process.stdout, process.env)));
  if (flags.out !== undefined) note(`next   splitz-onnx certify ${flags.model} --config ${flags.out}`);
}

/** The cut the model's metadata name; null when there is none such. */
function modelsCut({ classifier }: OpenedRun): Cut | null {
  const name = classifier.source.metadata.get('splitz.split');
  return name === undefined || name === 'auto' ? null : cutFor(classifier, name);
}

/** Noise levels at the input, ascending. */
function noiseLevels({ classifier }: OpenedRun, own: Cut | null, flags: PlanFlags): number[] {
  if (flags.levels !== undefined) {
    const levels = numberList('--levels')(flags.levels);
    const wrong = levels.find((level) => !(level > 0));
    if (wrong === undefined) return [...new Set(levels)].sort((a, b) => a - b);
    throw new UsageError({
      what: `--levels holds ${wrong}`,
      why: 'noise has a positive deviation',
      remedy: 'Write --levels 0.25,0.5,1.',
    });
  }
  const text = classifier.source.metadata.get('splitz.sigma');
  if (text === undefined) return USUAL_LEVELS;
  const sigma = numberFrom('model metadata splitz.sigma')(text);
  const left =
    own === null ? null : leftHalfBoundAt(classifier, own, flags.lipschitz ?? 'secant', DEFAULT_DELTA);
  const base = sigma / globalLipschitz(left, flags.seed ?? PILOT_SEED);
  return Number.isFinite(base) && base > 0
    ? FACTORS.map((factor) => Number((factor * base).toPrecision(2)))
    : USUAL_LEVELS;
}
