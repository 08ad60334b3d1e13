/** `replay` on the command line: its options and its help. */
import { availableParallelism } from 'node:os';
import type { Argv } from 'yargs';
import { PROVIDERS } from '../../smoothing/providers.ts';
import { briefHelp } from '../brief-help.ts';
import { runArgument, sourceOptions } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  sourceOptions(runArgument(y))
    .option('image', {
      type: 'number',
      array: true,
      default: [0],
      describe: 'indices of the images in the data set',
    })
    .option('provider', { choices: PROVIDERS, describe: 'where ONNX Runtime runs [as recorded]' })
    .option('workers', {
      type: 'number',
      default: availableParallelism(),
      defaultDescription: 'cores',
      describe: 'worker threads; changes no count',
    })
    .option('batch', { type: 'number', default: 32, describe: 'rows per run; changes no count' })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .example('$0 replay glyphs-splitz.conv1.jsonl models/glyphs-splitz.onnx --image 3 17', 'two records');

export type ReplayFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { run: string };

export const replay: Declaration<ReplayFlags> = {
  command: 'replay <run> [model]',
  describe: 'compute records again, noise and all; exit 1 if one differs',
  builder: briefHelp(builder, ['data', 'image', 'json']),
};
