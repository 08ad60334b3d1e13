/** `report` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { followLinksOption } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  followLinksOption(y)
    // Every run counts; of two equal flags the last one wins, as everywhere (`withoutRepeats`).
    .parserConfiguration({ 'duplicate-arguments-array': true })
    .positional('runs', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'result files of certify, or logs in the format of Cohen et al. (.gz too)',
    })
    .option('html', { type: 'boolean', describe: 'one self-contained page [when no format is named]' })
    .option('svg', { type: 'boolean', describe: 'each figure as SVG' })
    .option('png', { type: 'boolean', describe: 'each figure as PNG' })
    .option('markdown', { type: 'boolean', describe: 'tables and statements as Markdown' })
    .option('tsv', { type: 'boolean', describe: 'the curves, a row per step' })
    .option('latex', { type: 'boolean', describe: 'certified accuracies as a booktabs table' })
    .option('out', {
      type: 'string',
      nargs: 1,
      describe: 'name without ending [of the first run]; - for stdout, with one format of text',
    })
    .option('title', { type: 'string', nargs: 1, describe: 'title of the document' })
    .option('data', { type: 'string', nargs: 1, describe: 'the data, as for certify, to draw images' })
    .option('labels', { type: 'string', nargs: 1, describe: 'the label file, if certify was given one' })
    .option('model', { type: 'string', nargs: 1, describe: 'the model [alongside the result file]' })
    .option('segments', {
      choices: ['left', 'all'] as const,
      default: 'left' as const,
      describe: 'norms of the left half, or of the whole network',
    })
    .option('quiet', { type: 'boolean', default: false, describe: 'no notes on stderr' })
    .example('$0 report run.jsonl --data mnist:DIR', 'run.html, with images drawn')
    .example('$0 report a.jsonl b.jsonl --out audit --html --latex', 'two runs: audit.html, audit.tex');

export type ReportFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { runs: string[] };

export const report: Declaration<ReportFlags> = {
  command: 'report <runs..>',
  describe: 'result files as one HTML page, or figures and tables',
  builder: briefHelp(builder, ['html', 'svg', 'png', 'markdown', 'tsv', 'latex', 'data', 'out', 'title']),
};
