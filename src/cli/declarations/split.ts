/** `split` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { forceEvalOption, modelArgument, outputOptions } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(forceEvalOption(modelArgument(y)))
    .option('at', {
      type: 'string',
      default: 'first',
      describe: 'cut name or index; first = after the first activation',
    })
    .option('input-shape', {
      type: 'string',
      describe: 'shape of one image where the model leaves it open, e.g. 3,32,32',
    })
    .option('out-dir', {
      type: 'string',
      default: '.',
      describe: 'folder for MODEL.left.onnx and MODEL.right.onnx',
    })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite existing files' })
    .example(
      '$0 split net.onnx --at first --out-dir halves',
      'writes halves/net.left.onnx and halves/net.right.onnx',
    );

export type SplitFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { model: string };

export const split: Declaration<SplitFlags> = {
  command: 'split <model>',
  describe: 'write left.onnx and right.onnx, proven to compose',
  builder: briefHelp(builder, ['at', 'out-dir', 'force']),
};
