/** `replay` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { replayOptions, runArgument, sourceOptions } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  replayOptions(sourceOptions(runArgument(y)))
    .option('image', { type: 'number', array: true, describe: 'indices of the images in the data set [0]' })
    .option('sample', {
      type: 'string',
      nargs: 1,
      describe: 'a draw of N records with a radius, or all records, in place of --image',
    })
    .option('seed', {
      type: 'number',
      describe: 'seed that draws the sample [drawn from the operating system]',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .example('$0 replay glyphs-splitz.conv1.jsonl models/glyphs-splitz.onnx --image 3 17', 'two records')
    .example('$0 replay run.jsonl net.onnx --data mnist:DIR --sample 20', 'twenty that nobody could foresee');

export type ReplayFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { run: string };

export const replay: Declaration<ReplayFlags> = {
  command: 'replay <run> [model]',
  describe: 'compute records again, noise and all; exit 1 if one differs',
  builder: briefHelp(builder, ['data', 'image', 'sample', 'json']),
};
