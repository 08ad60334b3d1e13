/** `certify` on the command line: its options and its help. */
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
  policyOption,
  preprocessingOptions,
  selectionOptions,
  smoothingOptions,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const FORMATS = ['table', 'tsv', 'jsonl'] as const;

const builder = <T>(y: Argv<T>) =>
  classNamesOption(
    policyOption(
      outputOptions(
        selectionOptions(
          smoothingOptions(
            dataOptions(preprocessingOptions(denoiserOptions(forceEvalOption(modelArgument(y))))),
          ),
        ),
      ),
    ),
  )
    .option('baseline-sigma', {
      type: 'number',
      describe: 'noise of plain smoothing alongside [sigma / Lipschitz bound]',
    })
    .option('until', {
      type: 'string',
      nargs: 1,
      describe:
        'when draws end: n (all), "radius >= 0.5" (decided), "tolerance 5%" (of the radius of all n) [n]',
    })
    .option('share-noise', {
      type: 'number',
      describe: 'images that share each draw of noise: faster, but certificates may fail together [1]',
    })
    .option('stop-when-decided', {
      type: 'boolean',
      default: false,
      describe: 'end the run once every --require is met, or not, whatever the images left come to',
    })
    .option('strict-images', {
      type: 'boolean',
      default: false,
      describe: 'stop where an image cannot be read, instead of leaving it out',
    })
    .option('out', {
      type: 'string',
      nargs: 1,
      describe: 'result file [MODEL.CUT.jsonl]; resumed if it is there; - for stdout',
    })
    .option('format', { choices: FORMATS, default: 'table' as const, describe: 'what to print at the end' })
    .example('$0 certify models/glyphs-lenet.onnx', 'a shipped model on built-in data')
    .example('$0 certify net.onnx --data cifar10:DIR --mean 0.5,0.5,0.5 --std 0.2,0.2,0.2', 'your own');

export type CertifyFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  model: string;
} & RequestOrigins;

export const certify: Declaration<CertifyFlags> = {
  command: 'certify <model>',
  describe: 'certify radii of the answers of the smoothed classifier (l2, or l1)',
  builder: briefHelp(builder, [
    'data',
    'mean',
    'std',
    'scale',
    'denoiser',
    'method',
    'split',
    'sigma',
    'n',
    'alpha',
    'lipschitz',
    'provider',
    'baseline',
    'max',
    'require',
    'out',
    'format',
    'json',
  ]),
};
