/** The untrained networks of `train --architecture`; models/README.md describes them. `tools/models/build.mjs` writes them as files. */

import type { ModelProto } from '../../onnx/model/proto.ts';
import type { RecipeName } from '../recipes.ts';
import { type NetworkBuilder, networkBuilder, type Wire } from './builder.ts';
import { glyphNet } from './glyph-net.ts';
import { initialKernel } from './initial-weights.ts';
import { lenet, lenetSplitz, lenetStrided } from './lenet.ts';
import { liresnet } from './liresnet.ts';
import { liresnetStem } from './liresnet-stem.ts';
import type { ArchitectureName } from './names.ts';
import { orthogonal, prototypes } from './orthogonal.ts';
import { resnet } from './resnet.ts';

interface Architecture {
  readonly image: readonly [channels: number, rows: number, columns: number];
  readonly dataset: string;
  /** The cut that ends the left half; null for a network that is certified as a whole. */
  readonly split: string | null;
  /** How it is meant to be trained, where that is not the default. */
  readonly recipe?: RecipeName;
  readonly layers: (net: NetworkBuilder) => Wire;
}

const mnist = { image: [1, 28, 28], dataset: 'mnist' } as const;
const cifar10 = { image: [3, 32, 32], dataset: 'cifar10' } as const;

const architectures: Record<ArchitectureName, Architecture> = {
  lenet: { ...mnist, split: 'conv1', layers: lenet },
  'lenet-splitz': { ...mnist, split: 'conv1', layers: lenetSplitz },
  'lenet-strided': { ...mnist, split: 'conv1', layers: lenetStrided },
  glyphs: { ...mnist, dataset: 'glyphs', split: 'conv1', layers: glyphNet },
  resnet20: { ...cifar10, split: 'conv1', layers: (net) => resnet(net, 3) },
  resnet110: { ...cifar10, split: 'conv1', layers: (net) => resnet(net, 18) },
  'liresnet-stem': { ...cifar10, split: 'block2', layers: liresnetStem },
  'liresnet-mnist': {
    ...mnist,
    split: null,
    recipe: 'margin',
    layers: liresnet({ channels: 16, blocks: 2, window: 2, filters: 32, width: 256, denseBlocks: 2 }),
  },
  'liresnet-cifar10': {
    ...cifar10,
    split: null,
    recipe: 'margin',
    layers: liresnet({ channels: 32, blocks: 4, window: 4, filters: 64, width: 256, denseBlocks: 2 }),
  },
  'orthogonal-mnist': { ...mnist, split: 'enc3', recipe: 'orthogonal', layers: orthogonal([32, 64]) },
  'prototypes-mnist': { ...mnist, split: 'enc3', recipe: 'orthogonal', layers: prototypes([32, 64]) },
  'orthogonal-cifar10': { ...cifar10, split: 'enc3', recipe: 'orthogonal', layers: orthogonal([64, 128]) },
};

const WEIGHT_SEED = 0n;

/** The untrained network; the same message, to the bit, at every call. */
export function buildArchitecture(name: ArchitectureName): ModelProto {
  const { image, dataset, split, recipe, layers } = architectures[name];
  const net = networkBuilder(name, image, (dims, fanIn, index) =>
    initialKernel(WEIGHT_SEED, dims, fanIn, index),
  );
  return net.finish(
    layers(net),
    new Map([
      ['splitz.architecture', name],
      ['splitz.dataset', dataset],
      ...(split === null ? [] : ([['splitz.split', split]] as const)),
      ...(recipe === undefined ? [] : ([['splitz.recipe', recipe]] as const)),
      ['splitz.trained', 'false'],
    ]),
  );
}
