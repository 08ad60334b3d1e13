/** `attack` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { SEARCHES } from '../../attack/attack-record.ts';
import { VOTE_BOUND_NAMES } from '../../ground/vote-bound-names.ts';
import type { RequestOrigins } from '../../methods/sourced.ts';
import { briefHelp } from '../brief-help.ts';
import {
  classNamesOption,
  dataOptions,
  denoiserOptions,
  followLinksOption,
  outputOptions,
  preprocessingOptions,
  smoothingOptions,
} from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(
    smoothingOptions(
      dataOptions(
        preprocessingOptions(
          denoiserOptions(followLinksOption(classNamesOption(y)))
            .positional('source', {
              type: 'string',
              demandOption: true,
              describe: 'a result file (RUN.jsonl), or an ONNX model to certify and attack',
            })
            .positional('model', {
              type: 'string',
              describe: 'the model of the result file [beside it]',
            })
            .option('image', { type: 'number', describe: 'index of the one image to attack' })
            .option('start', { type: 'number', default: 0, describe: 'index of the first image' })
            .option('max', { type: 'number', describe: 'attack at most this many images' })
            .option('search', {
              choices: ['auto', ...SEARCHES] as const,
              default: 'auto' as const,
              describe: 'auto: by gradients where the model has them',
            })
            .option('steps', { type: 'number', default: 40, describe: 'steps of each search' })
            .option('restarts', { type: 'number', default: 3, describe: 'starts per image (gradient)' })
            .option('draws', { type: 'number', default: 16, describe: 'noise draws per step' })
            .option('confirm', {
              type: 'number',
              describe: 'fresh draws that confirm a success [n, at most 10000]',
            })
            .option('confirm-alpha', {
              type: 'number',
              describe: 'probability of a wrong confirmation [alpha]',
            })
            .option('clip', { type: 'boolean', default: false, describe: 'keep pixels in [0,1]' })
            .option('undefended', {
              type: 'boolean',
              default: false,
              describe: 'attack the network alone, without noise',
            })
            .option('out', {
              type: 'string',
              nargs: 1,
              describe: 'attack file [SOURCE.attack.jsonl]; resumed if it is there',
            }),
        ),
      ),
    ),
  )
    .option('output', { type: 'string', hidden: true, describe: 'as of certify, where SOURCE is a model' })
    .option('force-eval', {
      ...{ type: 'boolean', hidden: true, default: false },
      describe: 'as of certify, where SOURCE is a model',
    })
    .option('n0', { type: 'number', hidden: true, describe: 'as of certify, where SOURCE is a model' })
    .option('bound', {
      choices: VOTE_BOUND_NAMES,
      hidden: true,
      describe: 'as of certify, where SOURCE is a model',
    })
    .example('$0 attack run.jsonl --max 10', 'ten certificates of a run')
    .example('$0 attack net.onnx --data mnist:DIR --undefended', 'the network alone');

export type AttackFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & {
  source: string;
} & RequestOrigins;

export const attack: Declaration<AttackFlags> = {
  command: 'attack <source> [model]',
  describe: 'smallest perturbation found, for every certified radius',
  builder: briefHelp(builder, [
    'image',
    'max',
    'method',
    'search',
    'steps',
    'draws',
    'clip',
    'undefended',
    'data',
    'out',
    'json',
  ]),
};
