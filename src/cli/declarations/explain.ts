/** `explain` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { runArgument } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  runArgument(y)
    .option('image', { type: 'number', default: 0, describe: 'index of the image in the data set' })
    .option('series', {
      type: 'number',
      default: 0,
      describe: 'which series: 0 is the method asked for, 1 what it is compared with',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'print the derivation as one JSON document',
    })
    .example('$0 explain glyphs-splitz.conv1.jsonl --image 17', 'from votes to radius, step by step')
    .example('$0 explain glyphs-splitz.conv1.jsonl --image 17 --series 1', 'the same of plain smoothing');

export type ExplainFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { run: string };

export const explain: Declaration<ExplainFlags> = {
  command: 'explain <run>',
  describe: 'one certificate as a worked derivation',
  builder: briefHelp(builder, ['image', 'series', 'json']),
};
