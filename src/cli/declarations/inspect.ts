/** `inspect` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import {
  dataOptions,
  forceEvalOption,
  modelArgument,
  outputOptions,
  preprocessingOptions,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const FORMATS = ['table', 'json', 'sarif', 'markdown'] as const;

const builder = <T>(y: Argv<T>) =>
  outputOptions(dataOptions(preprocessingOptions(forceEvalOption(modelArgument(y)))))
    .option('format', { choices: FORMATS, describe: 'how to print it [table]; --json means json' })
    .option('input-shape', {
      type: 'string',
      describe: 'shape of one image where the model leaves it open, e.g. 3,32,32',
    })
    .option('seconds', {
      type: 'number',
      default: 2,
      describe: 'time for left halves and their norms; as long again around an image of --data',
    })
    .example('$0 inspect net.onnx', 'findings, cuts, bounds and norms of a network')
    .example('$0 inspect net.onnx --format sarif > net.sarif', 'findings for code scanning');

export type InspectFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { model: string };

export const inspect: Declaration<InspectFlags> = {
  command: 'inspect <model>',
  describe: 'findings, cuts, which have a bound or why not, norms',
  builder: briefHelp(builder, ['data', 'mean', 'std', 'scale', 'input-shape', 'format']),
};
