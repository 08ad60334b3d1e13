/** `predict`: what the certified classifier answers, or that it abstains. */
import { visible } from '../../ground/visible.ts';
import { note } from '../../methods/context.ts';
import { methodOf } from '../../methods/index.ts';
import { valuesOf, type WithOrigins } from '../../methods/method.ts';
import { denoiserNote } from '../../runs/open-denoiser.ts';
import { openSubject } from '../../runs/open-subject.ts';
import { type Prediction, type Predictions, type PredictRequest, predictOn } from '../../runs/predict.ts';
import { contextOf } from '../context.ts';
import { dataNotes } from '../data-notes.ts';
import type { PredictFlags } from '../declarations/predict.ts';
import { seriesRequests } from '../series-flags.ts';
import { warningLines } from '../terminal/findings.ts';
import { screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export async function run(flags: PredictFlags): Promise<void> {
  const request: PredictRequest = { ...flags, ...seriesRequests(flags) };
  await contextOf(flags, 'Run the command again.', async (context) => {
    const subject = await openSubject(request, (text) => note(context, text));
    for (const text of [...dataNotes(subject.data), ...warningLines(subject.findings)]) note(context, text);
    const predictions = await predictOn(subject, request, flags.index, context);
    if (flags.json) {
      process.stdout.write(`${JSON.stringify(documentOf(predictions))}\n`);
      return;
    }
    if (subject.denoiser !== null) note(context, denoiserNote(subject.denoiser));
    for (const text of notesOf(predictions)) note(context, text);
    process.stdout.write(asTable(predictions.answers, subject.classNames));
  });
}

function documentOf({ series, seed, answers }: Predictions): object {
  const values = valuesOf(series.settings as WithOrigins<object>);
  return { settings: { method: series.method, ...values, seed: seed.value }, predictions: answers };
}

/** What was asked, for people: settings and seed, so that the answers can be repeated. */
function notesOf({ series, seed, poll: { draws, alpha } }: Predictions): string[] {
  const lines = methodOf(series).notes(series, `seed ${seed.value} (${seed.origin})`);
  return alpha === 0
    ? [...lines]
    : [
        ...lines,
        `answer from ${draws} draws; a class that does not win is answered with probability at most ${alpha}`,
      ];
}

function asTable(answers: readonly Prediction[], classNames: readonly string[] | null): string {
  const name = (k: number | null): string => (k === null ? '-' : visible(classNames?.[k] ?? String(k)));
  return renderTable(
    [
      { header: 'image', align: 'right' },
      { header: 'label' },
      { header: 'prediction' },
      { header: 'votes', align: 'right' },
      { header: 'runner-up' },
      { header: 'votes', align: 'right' },
    ],
    answers.map((answer) => [
      String(answer.index),
      name(answer.label),
      answer.prediction === null ? 'abstain' : name(answer.prediction),
      String(answer.votes),
      name(answer.runnerUp),
      String(answer.runnerUpVotes),
    ]),
    screenOf(process.stdout, process.env).style,
  );
}
