/** `compose` on the command line: its options and its help. */
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
    .positional('denoiser', { type: 'string', demandOption: true, describe: 'the denoiser, an ONNX file' })
    .positional('model', { type: 'string', demandOption: true, describe: 'the ONNX file of the network' })
    .option('out', { type: 'string', nargs: 1, demandOption: true, describe: 'the file to write' })
    .option('at', {
      type: 'string',
      nargs: 1,
      describe: "cut name or index that the denoiser is put behind [its metadata, else 'input']",
    })
    .option('sigma', { type: 'number', describe: 'noise it will get [the noise it was trained for]' })
    .option('denoiser-sigma', {
      type: 'number',
      describe: 'noise it was trained for, which it is scaled from [its metadata]',
    })
    .option('schedule', {
      type: 'string',
      nargs: 1,
      describe: 'it is a diffusion model with this scheduler_config.json [its metadata]',
    })
    .option('input-shape', {
      type: 'string',
      describe: 'channels, height, width of an image where the files leave them open, e.g. 3,32,32',
    })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite an existing file' })
    .example(
      '$0 compose denoiser.onnx net.onnx --mean 0.5 --std 0.2 --out defended.onnx',
      'one file that takes pixels in [0,1]',
    );

export type ComposeFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  denoiser: string;
  model: string;
} & RequestOrigins;

export const compose: Declaration<ComposeFlags> = {
  command: 'compose <denoiser> <model>',
  describe: 'write denoiser and network as one, proven to compose',
  builder: briefHelp(builder, ['out', 'at', 'sigma', 'mean', 'std', 'scale', 'force']),
};
