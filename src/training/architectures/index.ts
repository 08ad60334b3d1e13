/** The untrained networks of `train --architecture`; models/README.md describes them. `tools/models/build.mjs` writes them as files. */

import type { ModelProto } from '../../onnx/model/proto.ts';
import { type NetworkBuilder, networkBuilder, type Wire } from './builder.ts';
import { glyphNet } from './glyph-net.ts';
import { initialKernel } from './initial-weights.ts';
import { lenet, lenetSplitz, lenetStrided } from './lenet.ts';
import { liresnetStem } from './liresnet-stem.ts';
import type { ArchitectureName } from './names.ts';
import { resnet } from './resnet.ts';

interface Architecture {
  readonly image: readonly [channels: number, rows: number, columns: number];
  readonly dataset: string;
  /** The cut that ends the left half. */
  readonly split: string;
  readonly layers: (net: NetworkBuilder) => Wire;
}

const mnist = { image: [1, 28, 28], dataset: 'mnist' } as const;
const cifar10 = { image: [3, 32, 32], dataset: 'cifar10' } as const;

const architectures = {
  lenet: { ...mnist, split: 'conv1', layers: lenet },
  'lenet-splitz': { ...mnist, split: 'conv1', layers: lenetSplitz },
  'lenet-strided': { ...mnist, split: 'conv1', layers: lenetStrided },
  glyphs: { ...mnist, dataset: 'glyphs', split: 'conv1', layers: glyphNet },
  resnet20: { ...cifar10, split: 'conv1', layers: (net) => resnet(net, 3) },
  resnet110: { ...cifar10, split: 'conv1', layers: (net) => resnet(net, 18) },
  'liresnet-stem': { ...cifar10, split: 'block2', layers: liresnetStem },
} as const satisfies Record<ArchitectureName, Architecture>;

const WEIGHT_SEED = 0n;

/** The untrained network; the same message, to the bit, at every call. */
export function buildArchitecture(name: ArchitectureName): ModelProto {
  const { image, dataset, split, layers } = architectures[name];
  const net = networkBuilder(name, image, (dims, fanIn, index) =>
    initialKernel(WEIGHT_SEED, dims, fanIn, index),
  );
  return net.finish(
    layers(net),
    new Map([
      ['splitz.architecture', name],
      ['splitz.dataset', dataset],
      ['splitz.split', split],
      ['splitz.trained', 'false'],
    ]),
  );
}
