/** `report`: one or more result files as a document: HTML, figures, tables. */

import { UsageError } from '../../ground/errors.ts';
import { visible } from '../../ground/visible.ts';
import type { Context } from '../../methods/context.ts';
import type { Report } from '../../report/report.ts';
import { packageVersion } from '../../runs/version.ts';
import type { ReportFlags } from '../declarations/report.ts';
import { requireApart, requireFolderOf, writeWhole } from '../output-file.ts';
import { withoutRepeats } from '../without-repeats.ts';

/** File name endings by flag. For a figure, its name precedes the ending. */
const ENDINGS = { html: 'html', svg: 'svg', png: 'png', markdown: 'md', tsv: 'tsv', latex: 'tex' } as const;
type Format = keyof typeof ENDINGS;
const FORMATS = Object.keys(ENDINGS) as Format[];

export const run = (flags: ReportFlags): Promise<void> => write(withoutRepeats(flags));

async function write(flags: ReportFlags): Promise<void> {
  const named = FORMATS.filter((format) => flags[format] === true);
  const formats = named.length === 0 ? (['html'] as const) : named;
  const toStdout = flags.out === '-';
  if (toStdout && (formats.length > 1 || formats.some((format) => format === 'svg' || format === 'png'))) {
    throw new UsageError({
      what: 'standard output takes one text document',
      where: '--out -',
      remedy: 'Choose one of --html, --markdown, --tsv and --latex, or name files with --out.',
    });
  }
  if (!toStdout) requireFolderOf(flags.out ?? 'report');
  // Plotting is loaded here, not with the command line: so that certify does not pay for it.
  const [{ readRuns }, { buildReport }, { reportSources }] = await Promise.all([
    import('../../report/audited-run.ts'),
    import('../../report/report.ts'),
    import('../../runs/report-sources.ts'),
  ]);
  const runs = await readRuns(flags.runs);
  const note = (text: string): void => {
    if (!flags.quiet) process.stderr.write(`${visible(text)}\n`);
  };
  const tell: Context['tell'] = (message) => {
    if (message.kind === 'note') note(message.text);
  };
  const sources = await reportSources(runs, flags, { tell });
  const built = buildReport(runs, sources, `splitz-onnx ${packageVersion()}`, flags.title);
  const stem = flags.out?.replace(/\.(html|svg|png|md|tsv|tex)$/iu, '') ?? runs[0]?.name ?? 'report';
  const documents: [path: string, content: string | Buffer][] = [];
  for (const format of formats) documents.push(...(await documentsIn(format, built, stem)));
  if (toStdout) {
    for (const [, content] of documents) process.stdout.write(content);
    return;
  }
  for (const [path] of documents) requireApart(path, flags.runs);
  for (const [path, content] of documents) {
    writeWhole(path, content);
    note(`${path}  ${kilobytes(content)} kB`);
  }
}

/** A format's files, with their contents. */
async function documentsIn(
  format: Format,
  built: Report,
  stem: string,
): Promise<[path: string, content: string | Buffer][]> {
  const path = `${stem}.${ENDINGS[format]}`;
  switch (format) {
    case 'html':
      return [[path, (await import('../../report/html/page.ts')).htmlReport(built)]];
    case 'markdown':
      return [[path, (await import('../../report/markdown-report.ts')).markdownReport(built)]];
    case 'tsv':
      return [[path, (await import('../../report/tsv-report.ts')).tsvReport(built)]];
    case 'latex':
      return [[path, (await import('../../report/latex-report.ts')).latexReport(built)]];
    case 'svg':
    case 'png': {
      const { standaloneSvg, pngOf } = await import('../../report/standalone-svg.ts');
      const { figuresOf } = await import('../../report/report.ts');
      const files: [string, string | Buffer][] = [];
      for (const figure of figuresOf(built)) {
        const svg = standaloneSvg(figure);
        files.push([`${stem}.${figure.id}.${format}`, format === 'svg' ? svg : await pngOf(svg)]);
      }
      return files;
    }
  }
}

const kilobytes = (content: string | Buffer): number => Math.ceil(Buffer.byteLength(content) / 1000);
