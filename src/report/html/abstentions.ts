/** Abstentions and why; certified mistakes. */
import { roundDown } from '../../ground/decimal.ts';
import { methodOf } from '../../methods/index.ts';
import { classInWords } from '../../records/names.ts';
import type { RunHeader, SeriesHeader } from '../../records/record.ts';
import { type Abstentions, abstentions, leadingVotes } from '../abstentions.ts';
import { type AuditedRun, isMistake } from '../audited-run.ts';
import type { Table } from '../figure.ts';
import { html, type Markup } from '../markup.ts';
import { formula, tableOf } from './parts.ts';

const EXAMPLES = 5;

type Named = Pick<RunHeader['model'], 'classNames'>;

const modelOf = (run: AuditedRun): Named => (run.kind === 'result' ? run.header.model : {});
const numbered = (index: number, name: string | null): string =>
  name === null ? String(index) : `${index} (${name})`;

/** Of the run's own series. */
export function withoutCertificate(run: AuditedRun): Markup {
  const [{ score, header }] = run.series;
  const reasons = run.kind === 'result' && header !== null ? abstentions(run) : [];
  return html`<p>${
    score.abstained === 0 ? 'No image abstains.' : `${score.abstained} of ${score.images} images abstain.`
  }</p>${reasons.map(
    (group) =>
      html`<p><strong>${group.records.length} ${group.records.length === 1 ? 'image' : 'images'}:</strong> ${formula(`${group.reason}. What may help: ${group.remedy}`)}</p>${
        header === null ? null : tableOf(examples(group, header, modelOf(run)))
      }`,
  )}${mistakes(run)}`;
}

/** A few images of a group, with what their method shows of them. */
function examples({ records }: Abstentions, series: SeriesHeader, model: Named): Table {
  const method = methodOf(series);
  const shown = records
    .slice(0, EXAMPLES)
    .flatMap(({ index, name, label, series: [own] }) =>
      own === undefined
        ? []
        : [{ index, name, label, figures: method.figures(own.evidence), votes: method.votes(own.evidence) }],
    );
  const voted = shown.some(({ votes }) => votes !== null);
  return {
    caption: `${shown.length} of them${voted ? ', with the votes of the leading classes' : ''}`,
    columns: [
      ...['image', 'label', ...(shown[0]?.figures ?? []).map(([name]) => name)].map((header) => ({
        header,
        align: 'right' as const,
      })),
      ...(voted
        ? ([
            { header: 'votes (class: draws)', align: 'left' },
            { header: 'not finite', align: 'right' },
          ] as const)
        : []),
    ],
    rows: shown.map(({ index, name, label, figures, votes }) => [
      ...[numbered(index, name), classInWords(model, label), ...figures.map(([, value]) => value)],
      ...(voted ? [leadingVotes(votes?.counts ?? []), String(votes?.nonFinite ?? '–')] : []),
    ]),
  };
}

function mistakes(run: AuditedRun): Markup {
  const [{ images, score }] = run.series;
  const model = modelOf(run);
  const nameOf = (index: number): string | null =>
    run.kind === 'result' ? (run.records.find((record) => record.index === index)?.name ?? null) : null;
  if (score.measure === 'certified fraction')
    return html`<p>There are no labels, so it is unknown which predictions are wrong.</p>`;
  if (score.abstained === score.images) return html``;
  const wrong = images.filter(isMistake).sort((a, b) => b.radius - a.radius || a.index - b.index);
  if (wrong.length === 0) return html`<p>No certified prediction is wrong.</p>`;
  return html`<p>${wrong.length} certified ${wrong.length === 1 ? 'prediction is' : 'predictions are'} wrong; ${
    wrong.length === 1 ? 'it counts' : 'they count'
  } as not certified in every curve.</p>${tableOf({
    caption: `Wrong predictions with the largest radius (${Math.min(EXAMPLES, wrong.length)} of ${wrong.length})`,
    columns: ['image', 'label', 'prediction', 'radius'].map((header) => ({ header, align: 'right' })),
    rows: wrong
      .slice(0, EXAMPLES)
      .map(({ index, label, prediction, radius }) => [
        numbered(index, nameOf(index)),
        classInWords(model, label),
        classInWords(model, prediction),
        roundDown(radius, 4),
      ]),
  })}`;
}
