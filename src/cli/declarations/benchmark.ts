/** `benchmark` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import type { Declaration } from './declaration.ts';

const FORMATS = ['table', 'json', 'csv', 'markdown', 'html'] as const;

const builder = <T>(y: Argv<T>) =>
  y
    // Every run counts; of two equal flags the last one wins, as everywhere (`withoutRepeats`).
    .parserConfiguration({ 'duplicate-arguments-array': true })
    .positional('runs', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'result files of splitz-onnx certify, over the same images',
    })
    .option('radii', {
      type: 'string',
      nargs: 1,
      describe: 'radii of the table, as in 0,0.25,0.5 [round numbers]',
    })
    .option('different-images', {
      type: 'boolean',
      default: false,
      describe: 'allow runs over different images, labels or data; the result says so',
    })
    .option('format', { choices: FORMATS, describe: 'how to print it [table]; --json means json' })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .example('$0 benchmark smoothing.jsonl deterministic.jsonl', 'every series of both runs')
    .example('$0 benchmark *.jsonl --format html > methods.html', 'with the curves drawn');

export type BenchmarkFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { runs: string[] };

export const benchmark: Declaration<BenchmarkFlags> = {
  command: 'benchmark <runs..>',
  describe: 'methods side by side: certified accuracy, p_A, guarantee, cost',
  builder: briefHelp(builder, ['radii', 'different-images', 'format', 'json']),
};
