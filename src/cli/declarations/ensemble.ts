/** `ensemble` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import type { RequestOrigins } from '../../methods/sourced.ts';
import { briefHelp } from '../brief-help.ts';
import {
  followLinksOption,
  forceEvalOption,
  outputOptions,
  preprocessingOptions,
  scoresOption,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(preprocessingOptions(forceEvalOption(scoresOption(followLinksOption(y)))))
    // A network may be named twice; of two equal flags the last one wins, as everywhere (`withoutRepeats`).
    .parserConfiguration({ 'duplicate-arguments-array': true })
    .positional('models', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'ONNX files of networks for the same images and classes',
    })
    .option('out', { type: 'string', nargs: 1, demandOption: true, describe: 'the file to write' })
    .option('weights', { type: 'string', nargs: 1, describe: 'weight of each network, as in 2,1,1 [equal]' })
    .option('input-shape', {
      type: 'string',
      describe: 'channels, height, width of an image where the first file leaves them open, e.g. 3,32,32',
    })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite an existing file' })
    .example('$0 ensemble a.onnx b.onnx c.onnx --out ensemble.onnx', 'the mean of their logits')
    .example('$0 certify ensemble.onnx --data cifar10:DIR', 'certified as one network');

export type EnsembleFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  models: string[];
} & RequestOrigins;

export const ensemble: Declaration<EnsembleFlags> = {
  command: 'ensemble <models..>',
  describe: 'write networks as one: the mean of their logits',
  builder: briefHelp(builder, ['out', 'weights', 'mean', 'std', 'scale', 'force']),
};
