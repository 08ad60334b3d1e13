/** `train` on the command line: its options and its help. */
import { availableParallelism } from 'node:os';
import type { Argv } from 'yargs';
import type { RequestOrigins } from '../../methods/sourced.ts';
import { ARCHITECTURES, DENOISERS } from '../../training/architectures/names.ts';
import { DEVICES, ENGINES } from '../../training/engines/select-engine.ts';
import { briefHelp } from '../brief-help.ts';
import { followLinksOption, outputOptions, preprocessingOptions, scoresOption } from '../options.ts';
import type { Declaration } from './declaration.ts';
import { trainingOptions } from './training-options.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(trainingOptions(preprocessingOptions(followLinksOption(scoresOption(y)))))
    .positional('model', { type: 'string', describe: 'the ONNX file' })
    .option('architecture', {
      choices: ARCHITECTURES,
      describe: 'an untrained network in place of MODEL',
    })
    .option('denoiser', {
      type: 'string',
      nargs: 1,
      describe: `denoiser to train for MODEL or images: a file, ${DENOISERS.join(', ')}`,
    })
    .option('data', {
      type: 'string',
      describe:
        'mnist:FOLDER, cifar10:FOLDER, fashion:FOLDER, images:FOLDER, npz:FILE, glyphs[:SEED], or a path; the training part is used',
    })
    .option('labels', { type: 'string', describe: "a label file in place of the data's own labels" })
    .option('split', {
      type: 'string',
      describe:
        'cut name or index; input = plain smoothing; first = after the first activation [first; with --denoiser input]',
    })
    .option('out', {
      type: 'string',
      nargs: 1,
      describe: 'the trained model [MODEL.trained.onnx; MODEL.denoiser.onnx]',
    })
    .option('seed', { type: 'number', default: 0, describe: 'of order, augmentation and noise' })
    .option('validation', {
      type: 'number',
      default: 2000,
      describe: 'training images held out (at most 10 %); the test set is never touched',
    })
    .option('max', { type: 'number', describe: 'use only the first MAX training images' })
    .option('engine', { choices: ENGINES, default: 'auto' as const, describe: 'what runs the step' })
    .option('device', { choices: DEVICES, default: 'auto' as const, describe: 'where ONNX Runtime runs it' })
    .option('threads', {
      type: 'number',
      default: availableParallelism(),
      defaultDescription: 'cores',
      describe: 'CPU threads of the engine; a run repeats to the bit only with the same number',
    })
    .option('restart', { type: 'boolean', default: false, describe: 'drop a checkpoint and start again' })
    .option('force', { type: 'boolean', default: false, describe: 'replace the file of --out' })
    .example('$0 train --architecture glyphs --sigma 0.5', 'on the built-in data')
    .example('$0 train net.onnx --data mnist:DIR --split input --sigma 0.75', 'plain smoothing');

export type TrainFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & RequestOrigins;

export const train: Declaration<TrainFlags> = {
  command: 'train [model]',
  describe: 'train a classifier, or a denoiser for one, ONNX in and out',
  builder: briefHelp(builder, [
    'architecture',
    'denoiser',
    'data',
    'split',
    'recipe',
    'sigma',
    'loss',
    'regularizer',
    'lambda',
    'epochs',
    'learning-rate',
    'engine',
    'out',
    'restart',
  ]),
};
