/** Options that several commands share, as yargs builders: one wording and one meaning each. */

import { availableParallelism } from 'node:os';
import type { Argv } from 'yargs';
import { VOTE_BOUND_NAMES } from '../ground/vote-bound-names.ts';
import { DISPLACEMENT_BOUNDS } from '../lipschitz/displacement-bounds.ts';
import { METHOD_NAMES, METHOD_OPTIONS, METHOD_SUMMARIES } from '../methods/summaries.ts';
import { CHANNEL_ORDERS, LAYOUTS } from '../onnx/intake/pixel-layout.ts';
import { PRECISIONS, PROVIDERS } from '../smoothing/arithmetic.ts';

/** For every command that opens a model. */
export const followLinksOption = <T>(y: Argv<T>) =>
  y.option('follow-links', {
    type: 'boolean',
    default: false,
    describe:
      'read weights through symbolic links to files beside the model file itself (Hugging Face cache)',
  });

export const modelArgument = <T>(y: Argv<T>) =>
  scoresOption(
    followLinksOption(
      y.positional('model', { type: 'string', demandOption: true, describe: 'the ONNX file' }),
    ),
  );

export const scoresOption = <T>(y: Argv<T>) =>
  y.option('output', {
    type: 'string',
    describe: 'which output holds the class scores, when there are several',
  });

/** For commands that open a model to certify it or to look at it. */
export const forceEvalOption = <T>(y: Argv<T>) =>
  y.option('force-eval', {
    type: 'boolean',
    default: false,
    describe: 'switch Dropout and BatchNormalization from training to inference; results say "modified"',
  });

/** For commands that certify. */
export const denoiserOptions = <T>(y: Argv<T>) =>
  y
    .option('denoiser', {
      type: 'string',
      nargs: 1,
      describe: 'ONNX denoiser between the noise and the network',
    })
    .option('denoiser-sigma', {
      type: 'number',
      describe: 'noise it was trained for, which it is scaled from [its metadata]',
    })
    .option('schedule', {
      type: 'string',
      nargs: 1,
      describe: 'it is a diffusion model with this scheduler_config.json [its metadata]',
    });

/** A comma-separated list of numbers; left as text here and read by `numberList`. */
export const preprocessingOptions = <T>(y: Argv<T>) =>
  y
    .option('layout', {
      choices: LAYOUTS,
      describe: 'how the model expects pixels; flat: any shape of as many elements [nchw]',
    })
    .option('channels', {
      choices: CHANNEL_ORDERS,
      describe:
        'order of the colours it expects; --mean and --std are in that order; grey-to-…: grey images as R = G = B [rgb]',
    })
    .option('scale', { type: 'number', describe: 'the model expects pixels in 0..SCALE, e.g. 255 [1]' })
    .option('mean', {
      type: 'string',
      nargs: 1,
      describe: 'mean per channel to subtract, e.g. 0.485,0.456,0.406',
    })
    .option('std', {
      type: 'string',
      nargs: 1,
      describe: 'deviation per channel to divide by, in units of --scale',
    });

export const dataOptions = <T>(y: Argv<T>) =>
  y
    .option('data', {
      type: 'string',
      describe:
        'mnist:FOLDER, cifar10:FOLDER, fashion:FOLDER, images:FOLDER, npz:FILE, glyphs[:SEED], or a path',
    })
    .option('subset', {
      choices: ['train', 'test'] as const,
      default: 'test' as const,
      describe: 'which part of the data set',
    })
    .option('labels', { type: 'string', describe: "a label file in place of the data's own labels" });

/** For commands that show answers to people. */
export const classNamesOption = <T>(y: Argv<T>) =>
  y.option('class-names', {
    type: 'string',
    nargs: 1,
    describe:
      'names of the classes: cat,dog or a file (one per line, JSON list, label map, Hugging Face config.json)',
  });

/** What is sampled, and where. */
const noiseOptions = <T>(y: Argv<T>) =>
  y
    .option('split', {
      type: 'string',
      describe: 'cut: name, index, input (noise on pixels), first [first], auto',
    })
    .option('sigma', { type: 'number', describe: 'deviation of the noise at the cut' });

const methods = METHOD_NAMES.map((name) => `${name} = ${METHOD_SUMMARIES[name]}`).join('; ');

/** How the work is laid out; the same counts come out of any. */
const workOptions = <T>(y: Argv<T>) =>
  y
    .option('devices', {
      type: 'string',
      nargs: 1,
      describe: 'with CUDA: cards by number, as in 0,1; changes no count [0]',
    })
    .option('workers', {
      type: 'number',
      default: availableParallelism(),
      defaultDescription: 'cores',
      describe: 'worker threads; changes no count',
    })
    .option('batch', { type: 'number', default: 32, describe: 'rows per run; changes no count' });

/** What certifies, and how it is sampled and bounded. */
export const drawOptions = <T>(y: Argv<T>) =>
  workOptions(
    y
      .option('method', {
        choices: METHOD_NAMES,
        describe: `${methods} [${METHOD_NAMES[0]}]`,
      })
      .option('n', { type: 'number', describe: 'fresh draws whose votes are counted [10000]' })
      .option('alpha', { type: 'number', describe: 'failure probability per image [0.001]' })
      .option('seed', { type: 'number', describe: 'seed of the noise [drawn from the operating system]' })
      .option('lipschitz', {
        choices: DISPLACEMENT_BOUNDS,
        describe: 'bound on the left half [linear]; secant: smaller radii, faster; power: an ESTIMATE',
      })
      .option('provider', {
        choices: ['auto', ...PROVIDERS] as const,
        default: 'cpu' as const,
        describe: 'where ONNX Runtime runs the right half; auto: CUDA where it works, else the CPU',
      })
      .option('precision', {
        choices: PRECISIONS,
        default: 'fp32' as const,
        describe: 'with CUDA, tf32 is faster: ten bits of mantissa, another classifier, recorded as one',
      }),
  );

export const smoothingOptions = <T>(y: Argv<T>) => drawOptions(noiseOptions(y)).options(METHOD_OPTIONS);

/** For commands that certify a set of images, or plan to. */
export const selectionOptions = <T>(y: Argv<T>) =>
  y
    .option('n0', { type: 'number', describe: 'draws that select the class [100]' })
    .option('bound', {
      choices: VOTE_BOUND_NAMES,
      describe: 'how votes become a latent radius; anytime may end before n draws [clopper-pearson]',
    })
    .option('baseline', {
      type: 'boolean',
      default: true,
      describe: 'run the fair comparison alongside; --no-baseline to skip',
    })
    .option('against', {
      type: 'string',
      choices: METHOD_NAMES,
      array: true,
      describe: 'methods to run alongside [plain smoothing at the matched noise]',
    })
    .option('start', { type: 'number', default: 0, describe: 'index of the first image' })
    .option('skip', { type: 'number', default: 1, describe: 'take every K-th image' })
    .option('max', { type: 'number', describe: 'certify at most this many images' });

export const outputOptions = <T>(y: Argv<T>) =>
  y
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .option('quiet', { type: 'boolean', default: false, describe: 'no progress and no notes on stderr' });

/** For commands that take a result file. */
export const runArgument = <T>(y: Argv<T>) =>
  y.positional('run', {
    type: 'string',
    demandOption: true,
    describe: 'a result file of splitz-onnx certify',
  });

/** Model and data of a result file, which names them by digest only. */
export const sourceOptions = <T>(y: Argv<T>) =>
  followLinksOption(y)
    .positional('model', { type: 'string', describe: 'the ONNX file that was certified' })
    .option('denoiser', {
      type: 'string',
      nargs: 1,
      describe: 'the denoiser, if certify was given one [beside the result file]',
    })
    .option('data', { type: 'string', describe: 'the data set, as given to certify' })
    .option('labels', { type: 'string', describe: 'the label file, if certify was given one' })
    .option('output', { type: 'string', describe: 'the output, if certify was given one' });

/** For commands that compute recorded certificates again. */
export const replayOptions = <T>(y: Argv<T>) =>
  workOptions(
    y.option('provider', { choices: PROVIDERS, describe: 'where ONNX Runtime runs [as recorded]' }),
  );

/** A policy; every `--require` of a command line arrives here in one text (`joinedRequirements`). */
export const policyOption = <T>(y: Argv<T>) =>
  y.option('require', {
    type: 'string',
    nargs: 1,
    describe:
      'e.g. "certified@0.5 >= 60% with 95%", accuracy, acr, abstained; repeatable; exit code 1 if not met',
  });
