/** `benchmark`: every series of several runs side by side: the curve, p_A, the kind of guarantee, and what it cost. */
import { UsageError } from '../../ground/errors.ts';
import { wrap } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import { numberList } from '../../methods/sourced.ts';
import { readRuns } from '../../report/audited-run.ts';
import { type Benchmark, benchmarkOf } from '../../report/benchmark/benchmark.ts';
import { benchmarkCsv, benchmarkDocument } from '../../report/benchmark/document.ts';
import { notesOf, warningsOf } from '../../report/benchmark/notes.ts';
import { benchmarkTables } from '../../report/benchmark/tables.ts';
import { packageVersion } from '../../runs/version.ts';
import type { BenchmarkFlags } from '../declarations/benchmark.ts';
import { type Screen, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';
import { withoutRepeats } from '../without-repeats.ts';

export async function run(flags: BenchmarkFlags): Promise<void> {
  const { runs, radii, differentImages, format, json } = withoutRepeats(flags);
  const request = { radii: radiiOf(radii), differentImages };
  const benchmark = benchmarkOf(await readRuns(runs), request);
  process.stdout.write(await printed(benchmark, format ?? (json ? 'json' : 'table')));
}

/** "0,0.25,0.5", ascending and each once. Throws UsageError for anything else than radii. */
function radiiOf(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const radii = [...new Set(numberList('--radii')(text))].sort((a, b) => a - b);
  const negative = radii.find((radius) => radius < 0);
  if (negative === undefined) return radii;
  throw new UsageError({
    what: `${negative} is not a radius`,
    where: '--radii',
    remedy: 'Write radii of 0 or more, as in --radii 0,0.25,0.5.',
  });
}

async function printed(benchmark: Benchmark, format: NonNullable<BenchmarkFlags['format']>): Promise<string> {
  switch (format) {
    case 'table':
      return asText(benchmark, screenOf(process.stdout, process.env));
    case 'json':
      return `${JSON.stringify(benchmarkDocument(benchmark))}\n`;
    case 'csv':
      return benchmarkCsv(benchmark);
    case 'markdown':
      return (await import('../../report/benchmark/page.ts')).benchmarkMarkdown(benchmark);
    case 'html':
      return (await import('../../report/benchmark/page.ts')).benchmarkHtml(
        benchmark,
        `splitz-onnx ${packageVersion()}`,
      );
  }
}

function asText(benchmark: Benchmark, { style, columns }: Screen): string {
  const lines = (texts: readonly string[], paint: (text: string) => string): string =>
    texts.map((text) => `${paint(wrap(visible(text), columns))}\n`).join('');
  return [
    lines(warningsOf(benchmark), style.yellow),
    ...benchmarkTables(benchmark).map(
      ({ caption, columns: heads, rows }) =>
        `${style.bold(wrap(caption, columns))}\n${renderTable(
          heads,
          rows.map((row) => row.map(visible)),
          style,
        )}`,
    ),
    lines(notesOf(benchmark), (text) => text),
  ]
    .filter((part) => part !== '')
    .join('\n');
}
