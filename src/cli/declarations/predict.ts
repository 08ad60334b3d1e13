/** `predict` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import type { RequestOrigins } from '../../methods/sourced.ts';
import { briefHelp } from '../brief-help.ts';
import {
  classNamesOption,
  dataOptions,
  denoiserOptions,
  forceEvalOption,
  modelArgument,
  outputOptions,
  preprocessingOptions,
  smoothingOptions,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  classNamesOption(
    outputOptions(
      smoothingOptions(dataOptions(preprocessingOptions(denoiserOptions(forceEvalOption(modelArgument(y)))))),
    ),
  )
    .option('index', { type: 'number', array: true, default: [0], describe: 'indices of the images' })
    .example('$0 predict models/glyphs-lenet.onnx --index 0 1 2', 'three images of the built-in data');

export type PredictFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  model: string;
} & RequestOrigins;

export const predict: Declaration<PredictFlags> = {
  command: 'predict <model>',
  describe: 'answers of the smoothed classifier, or abstentions',
  builder: briefHelp(builder, [
    'data',
    'mean',
    'std',
    'scale',
    'denoiser',
    'class-names',
    'index',
    'method',
    'split',
    'sigma',
    'n',
    'alpha',
    'json',
  ]),
};
