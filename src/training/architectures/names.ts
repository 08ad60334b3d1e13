/** The untrained networks that `train` builds itself, by name: apart from them, for help and usage errors, which build none. */
export const ARCHITECTURES = [
  'glyphs',
  'lenet',
  'lenet-splitz',
  'lenet-strided',
  'resnet20',
  'resnet110',
  'liresnet-stem',
] as const;

export type ArchitectureName = (typeof ARCHITECTURES)[number];
