/** `explain` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { runArgument } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  runArgument(y)
    .option('image', { type: 'number', default: 0, describe: 'index of the image in the data set' })
    .option('baseline', {
      type: 'boolean',
      default: false,
      describe: 'the certificate of plain smoothing beside it instead',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'print the derivation as one JSON document',
    })
    .example('$0 explain glyphs-splitz.conv1.jsonl --image 17', 'from votes to radius, step by step');

export type ExplainFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { run: string };

export const explain: Declaration<ExplainFlags> = {
  command: 'explain <run>',
  describe: 'one certificate as a worked derivation',
  builder: briefHelp(builder, ['image', 'baseline', 'json']),
};
