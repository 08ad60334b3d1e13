/** Options of `train` that set what a recipe sets. */
import type { Argv } from 'yargs';
import { AUGMENTATIONS } from '../../training/augmentation.ts';
import { DENOISING_LOSSES } from '../../training/losses/denoising.ts';
import { lossNames } from '../../training/losses/index.ts';
import { MARGIN_LOSSES } from '../../training/losses/margin.ts';
import { RECIPES } from '../../training/recipes.ts';
import { REGULARIZERS } from '../../training/regularizers.ts';

export const trainingOptions = <T>(y: Argv<T>) =>
  y
    .option('recipe', {
      choices: RECIPES,
      describe: 'defaults of everything below [that of the model; paper; smoothing at --split input]',
    })
    .option('sigma', {
      type: 'string',
      nargs: 1,
      describe:
        'deviation of the noise: at the cut; at the input with matched and warm; of a denoiser also a range, 0.12..0.5',
    })
    .option('noise-scale', {
      type: 'string',
      nargs: 1,
      describe: 'share of sigma over the run, a schedule such as 0:1@40%',
    })
    .option('loss', {
      type: 'string',
      nargs: 1,
      describe: `loss under noise: ${lossNames.join(', ')}; without: ${MARGIN_LOSSES.join(', ')}; of a denoiser: ${DENOISING_LOSSES.join(', ')}, mse@30%,stability`,
    })
    .option('epsilon', {
      type: 'number',
      describe:
        'recipe margin: the radius to be verified, in input units [1.58 on MNIST, 36/255 on CIFAR-10]',
    })
    .option('epsilon-scale', {
      type: 'string',
      nargs: 1,
      describe: 'share of epsilon over the run, a schedule such as 0.1:1.2@50%',
    })
    .option('strength', {
      type: 'string',
      nargs: 1,
      describe: 'weight of what the loss adds to the cross-entropy, a schedule such as 0:1@10',
    })
    .option('temperature', {
      type: 'number',
      describe: 'of a denoiser: what logits are divided by in the loss stability [4]',
    })
    .option('regularizer', { choices: REGULARIZERS, describe: 'Lipschitz bound in the loss' })
    .option('lambda', { type: 'string', nargs: 1, describe: 'its weight, a schedule such as 0.8:0.4' })
    .option('radius', {
      type: 'string',
      nargs: 1,
      describe: 'ball it is taken on, a schedule, in pixel units',
    })
    .option('lipschitz-threshold', { type: 'number', describe: 'theta_L: bounds below it cost nothing' })
    .option('learn-lipschitz-threshold', { type: 'boolean', describe: 'train theta_L with the weights' })
    .option('power-steps', { type: 'number', describe: 'power iterations per step, warm-started' })
    .option('bound-images', { type: 'number', describe: 'images per step that the bound is taken on' })
    .option('relu-theta', {
      type: 'number',
      describe: "replace the left half's Relus by Clip(0, THETA); 0 leaves them",
    })
    .option('learn-theta', { type: 'boolean', describe: 'train the clip levels of the left half' })
    .option('optimizer', { choices: ['adam', 'sgd'] as const, describe: 'sgd has momentum 0.9' })
    .option('learning-rate', {
      type: 'string',
      nargs: 1,
      alias: 'lr',
      describe: 'a schedule such as cosine:1e-3',
    })
    .option('weight-decay', {
      type: 'number',
      describe: 'l2 penalty (sgd) or decoupled decay (adam) of kernels',
    })
    .option('clip-norm', { type: 'number', describe: 'largest l2 norm of the gradient; 0 for none' })
    .option('epochs', { type: 'number', describe: 'passes over the training images' })
    .option('batch', { type: 'number', describe: 'images per step' })
    .option('augment', { choices: AUGMENTATIONS, describe: 'random shifts and mirror images' });
