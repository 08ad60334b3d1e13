/** `plan` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import type { RequestOrigins } from '../../methods/sourced.ts';
import { briefHelp } from '../brief-help.ts';
import {
  dataOptions,
  denoiserOptions,
  drawOptions,
  forceEvalOption,
  modelArgument,
  outputOptions,
  preprocessingOptions,
  selectionOptions,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(
    selectionOptions(
      drawOptions(dataOptions(preprocessingOptions(denoiserOptions(forceEvalOption(modelArgument(y)))))),
    ),
  )
    .option('seed', { type: 'number', describe: 'seed of the pilot’s noise [0]; no certificate rests on it' })
    .option('images', {
      type: 'number',
      default: 32,
      describe: 'pilot images, from the other part of the data',
    })
    .option('draws', { type: 'number', default: 500, describe: 'draws per pilot image and grid point' })
    .option('cuts', { type: 'string', nargs: 1, describe: 'cuts to try, as in input,conv1 [three of them]' })
    .option('levels', {
      type: 'string',
      nargs: 1,
      describe: 'noise to try, at the input: 0.25,0.5 [around the model’s]',
    })
    .option('at', { type: 'number', describe: 'judge by certified accuracy at this radius [average radius]' })
    .option('out', { type: 'string', nargs: 1, describe: 'write the settings found, as splitz.config.yaml' })
    .option('force', { type: 'boolean', default: false, describe: 'replace the file of --out' })
    .example('$0 plan net.onnx --data mnist:DIR --out splitz.config.yaml', 'certify then takes that file');

export type PlanFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  model: string;
} & RequestOrigins;

export const plan: Declaration<PlanFlags> = {
  command: 'plan <model>',
  describe: 'pilot run: time, memory, useful n, best cut and noise',
  builder: briefHelp(builder, [
    'data',
    'mean',
    'std',
    'scale',
    'denoiser',
    'max',
    'cuts',
    'levels',
    'images',
    'at',
    'out',
    'json',
  ]),
};
