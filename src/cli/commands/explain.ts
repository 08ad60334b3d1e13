/** `explain`: one certificate, or one abstention, as a worked derivation. */
import { UsageError } from '../../ground/errors.ts';
import { pad, printable, wrap } from '../../ground/text-width.ts';
import { type Derivation, derivationOf } from '../../methods/derivation.ts';
import { labelOf } from '../../methods/index.ts';
import { readRun } from '../../methods/result-files.ts';
import { requireCount } from '../../methods/sourced.ts';
import { classInWords, imageInWords } from '../../records/names.ts';
import type { CertificateRecord, RunHeader } from '../../records/record.ts';
import { findRecord } from '../../runs/find-record.ts';
import type { ExplainFlags } from '../declarations/explain.ts';
import { type Screen, screenOf } from '../terminal/style.ts';

export async function run(flags: ExplainFlags): Promise<void> {
  const { image, series } = flags;
  requireCount('--image', image, 0);
  requireCount('--series', series, 0);
  const file = await readRun(flags.run);
  const record = findRecord(file, image, flags.run);
  if (series >= file.header.series.length) throw noSeries(file.header, series, flags.run);
  const derivation = derivationOf(file.header, record, series);
  const { index, name, label, answer } = record;
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ index, name, label, answer, series, ...derivation })}\n`
      : asText(derivation, record, file.header, screenOf(process.stdout, process.env)),
  );
}

function noSeries({ series }: RunHeader, k: number, path: string): UsageError {
  const named = series.map((one, i) => `${i} (${labelOf(one)})`);
  return new UsageError({
    what: `this run has no series ${k}`,
    where: path,
    why: `its series ${named.length === 1 ? 'is' : 'are'} ${named.join(', ')}`,
    remedy: named.length === 1 ? 'Omit --series.' : `Give --series a number up to ${named.length - 1}.`,
  });
}

function asText(
  derivation: Derivation,
  record: CertificateRecord,
  { model }: RunHeader,
  screen: Screen,
): string {
  const { columns, style } = screen;
  const { label, answer } = record;
  const { method, steps, symbols, conclusion, mistake } = derivation;
  const indented = (text: string, by: number): string =>
    wrap(printable(text), columns - by)
      .split('\n')
      .map((line) => `${' '.repeat(by)}${line}\n`)
      .join('');
  const parts = [
    `${style.bold(printable(`${imageInWords(record)}${label === null ? '' : `, label ${classInWords(model, label)}`}, ${method}`))}\n`,
    indented(
      `The network alone, without noise, answers ${answer === null ? 'nothing: a score is not finite' : classInWords(model, answer)}; this is not certified.`,
      0,
    ),
    ...steps.map(({ title, formula, numbers, meaning }, k) =>
      [
        `\n${style.bold(`${k + 1}. ${title}`)}\n`,
        indented(formula, 3),
        style.cyan(indented(numbers, 3)),
        style.dim(indented(meaning, 3)),
      ].join(''),
    ),
    `\n${(derivation.abstained || derivation.guarantee !== 'certificate' ? style.yellow : style.green)(indented(conclusion, 0))}`,
    ...(mistake === null ? [] : [style.red(indented(mistake, 0))]),
    `\n${symbols
      .map(
        ([symbol, meaning]) =>
          `${pad(symbol, 9)} ${wrap(printable(meaning), columns - 10).replaceAll('\n', `\n${' '.repeat(10)}`)}\n`,
      )
      .join('')}`,
  ];
  return parts.join('');
}
