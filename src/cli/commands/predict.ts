/** `predict`: what the smoothed classifier answers, or that it abstains (Cohen et al. 2019, algorithm PREDICT). */
import { UsageError } from '../../ground/errors.ts';
import { type PredictedClass, predictedClass } from '../../methods/prediction.ts';
import { openSmoothedClassifier } from '../../methods/smoothed-classifier.ts';
import { requireCount } from '../../methods/sourced.ts';
import { statisticalSettings } from '../../runs/certify-settings.ts';
import { openRun } from '../../runs/open-run.ts';
import { planSmoothing } from '../../runs/smoothing-plan.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import type { PredictFlags } from '../declarations/predict.ts';
import { interruptible } from '../interrupt.ts';
import { findingNotes } from '../terminal/findings.ts';
import { screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export const run = (flags: PredictFlags): Promise<void> =>
  interruptible('Run the command again.', (signal) => within(flags, signal));

async function within(flags: PredictFlags, signal: AbortSignal): Promise<void> {
  const statistics = statisticalSettings(flags);
  requireCount('--workers', flags.workers, 1);
  requireCount('--batch', flags.batch, 1);
  const opened = await openRun(flags);
  const { classifier, data } = opened;
  for (const index of flags.index) {
    if (Number.isInteger(index) && index >= 0 && index < data.length) continue;
    throw new UsageError({
      what: `there is no image ${index}`,
      where: data.describe(),
      remedy: `Give an index from 0 to ${data.length - 1}.`,
    });
  }
  const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
  const note = (text: string): void => {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  };
  for (const text of findingNotes(opened.findings)) note(text);
  const { cut, left, sigma } = await planSmoothing(opened, flags, statistics, resources, signal, note);
  const images = await Promise.all(flags.index.map((index) => data.image(index)));
  const smoothed = await openSmoothedClassifier(
    classifier,
    cut,
    left,
    resources,
    images.slice(0, 2),
    'certified',
  );
  const rows: (PredictedClass & { index: number; label: number | null })[] = [];
  try {
    for (const [k, index] of flags.index.entries()) {
      const image = images[k];
      if (image === undefined) throw new Error('one image per index');
      const votes = await smoothed.votes(
        image,
        index,
        {
          stage: Stage.prediction,
          draws: statistics.n.value,
          sigma: sigma.value,
          seed: BigInt(statistics.seed.value),
        },
        signal,
      );
      rows.push({
        index,
        label: data.labels?.[index] ?? null,
        ...predictedClass(votes, statistics.alpha.value, votes.tau),
      });
    }
  } finally {
    await smoothed.close();
  }
  if (flags.json) {
    const settings = {
      cut: cut.name,
      sigma: sigma.value,
      n: statistics.n.value,
      alpha: statistics.alpha.value,
      seed: statistics.seed.value,
    };
    process.stdout.write(`${JSON.stringify({ settings, predictions: rows })}\n`);
    return;
  }
  if (!flags.quiet) {
    process.stderr.write(
      `cut '${cut.name}', sigma ${sigma.value} (${sigma.origin}), n ${statistics.n.value}, alpha ${statistics.alpha.value}, seed ${statistics.seed.value} (${statistics.seed.origin})\n`,
    );
  }
  const name = (k: number | null): string => (k === null ? '-' : (opened.classNames?.[k] ?? String(k)));
  process.stdout.write(
    renderTable(
      [
        { header: 'image', align: 'right' },
        { header: 'label' },
        { header: 'prediction' },
        { header: 'votes', align: 'right' },
        { header: 'runner-up' },
        { header: 'votes', align: 'right' },
      ],
      rows.map((row) => [
        String(row.index),
        name(row.label),
        row.prediction === null ? 'abstain' : name(row.prediction),
        String(row.votes),
        name(row.runnerUp),
        String(row.runnerUpVotes),
      ]),
      screenOf(process.stdout, process.env).style,
    ),
  );
}
