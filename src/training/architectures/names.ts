/** The untrained networks that `train` builds itself, by name: apart from them, for help and usage errors, which build none. */
export const ARCHITECTURES = [
  'glyphs',
  'lenet',
  'lenet-splitz',
  'lenet-strided',
  'resnet20',
  'resnet110',
  'liresnet-stem',
  'liresnet-mnist',
  'liresnet-cifar10',
  'orthogonal-mnist',
  'orthogonal-cifar10',
  'prototypes-mnist',
] as const;

export type ArchitectureName = (typeof ARCHITECTURES)[number];

/** The untrained denoisers that `train` builds itself, for images (or latents) of any shape. */
export const DENOISERS = ['unet-small', 'dncnn'] as const;

export type DenoiserName = (typeof DENOISERS)[number];
