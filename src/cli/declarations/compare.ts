/** `compare` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import type { Declaration } from './declaration.ts';

const FORMATS = ['table', 'json'] as const;

const builder = <T>(y: Argv<T>) =>
  y
    .positional('first', {
      type: 'string',
      demandOption: true,
      describe: 'a result file of splitz-onnx certify',
    })
    .positional('second', { type: 'string', demandOption: true, describe: 'another, over the same images' })
    .option('series', {
      type: 'string',
      nargs: 1,
      describe: 'which series of each run, by number, as in 0,1 [0,0]',
    })
    .option('format', { choices: FORMATS, describe: 'how to print it [table]; --json means json' })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .example('$0 compare vendor-1.0.jsonl vendor-1.1.jsonl', 'did the new version become less robust?')
    .example('$0 compare run.jsonl run.jsonl --series 0,1', 'against what was run alongside');

export type CompareFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  first: string;
  second: string;
};

export const compare: Declaration<CompareFlags> = {
  command: 'compare <first> <second>',
  describe: 'two runs over the same images, with significance',
  builder: briefHelp(builder, ['series', 'format', 'json']),
};
