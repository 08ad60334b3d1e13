/** The images of a run, one row each: what is certified, what the network alone answers, and what is behind it. */
import { roundDown } from '../ground/decimal.ts';
import { methodOf } from '../methods/index.ts';
import { classInWords } from '../records/names.ts';
import type { RunHeader } from '../records/record.ts';
import type { AuditedRun, ImageVerdict, ResultRun } from './audited-run.ts';
import type { Table } from './figure.ts';

/** @param most rows at most, the first in the run */
export function imageTable(run: AuditedRun, most: number): Table {
  const images = run.series[0].images.slice(0, most);
  const right = (headers: readonly string[]): Table['columns'] =>
    headers.map((header) => ({ header, align: 'right' }));
  if (run.kind === 'log') {
    const columns = right(['image', 'label', 'prediction', 'radius']);
    return {
      ...{ caption: 'Images', columns },
      rows: images.map((image) => [String(image.index), ...verdictCells(image)]),
    };
  }
  const named = run.records.some(({ name }) => name !== null);
  const [, ...alongside] = run.series;
  const figures = figuresOf(run);
  return {
    caption:
      'Images; what the network alone answers is not certified; radii are rounded down, figures behind them to the safe side',
    columns: [
      ...right(['image']),
      ...(named ? [{ header: 'file', align: 'left' as const }] : []),
      ...right(['network alone', 'label', 'prediction', 'radius']),
      ...right((figures[0] ?? []).map(([name]) => name)),
      ...right(alongside.map(({ label }) => `radius, ${label}`)),
    ],
    rows: images.map((image, k) => {
      const record = run.records[k];
      return [
        String(image.index),
        ...(named ? [record?.name ?? '–'] : []),
        classInWords(run.header.model, record?.answer ?? null),
        ...verdictCells(image, run.header.model),
        ...(figures[k] ?? []).map(([, value]) => value),
        ...alongside.map((series) => {
          const other = series.images[k];
          return other === undefined || other.prediction === null ? '–' : roundDown(other.radius, 4);
        }),
      ];
    }),
  };
}

/** What the method of the run's own series shows of every certificate. */
function figuresOf({ header, records }: ResultRun): (readonly (readonly [name: string, value: string])[])[] {
  const [series] = header.series;
  if (series === undefined) throw new RangeError('a run has a series');
  const method = methodOf(series);
  return records.map(({ series: [own] }) => (own === undefined ? [] : method.figures(own.evidence)));
}

const verdictCells = (
  { label, prediction, radius }: ImageVerdict,
  model: Pick<RunHeader['model'], 'classNames'> = {},
): string[] => [
  classInWords(model, label),
  prediction === null ? 'abstains' : classInWords(model, prediction),
  roundDown(radius, 4),
];
