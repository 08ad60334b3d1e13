/**
 * One network, exported eleven ways (opsets 7 to 20, both exporters, normalisation inside or outside, NHWC in 0..255,
 * a softmax at the end, batch fixed or free): one cut, one set of votes, one radius.
 */
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { firstActivationCut } from '../../src/lipschitz/first-activation.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { type CatalogueEntry, catalogue, noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { type FlatCertificate, openSmoothed, type TestSettings } from './open.ts';

const entries = catalogue().filter(
  ({ file, dataset }) => file.startsWith('models/one-network-many-exports/') && dataset !== undefined,
);
const INDICES = [0, 1, 2];
const SETTINGS: TestSettings = {
  sigma: 0.5,
  n0: 50,
  n: 300,
  alpha: 0.001,
  bound: 'clopper-pearson',
  seed: 42n,
};

interface Certified {
  readonly latent: readonly number[];
  readonly certificates: readonly FlatCertificate[];
}

async function certified({ file, layout, scale, mean, std }: CatalogueEntry): Promise<Certified> {
  const data = await openDataset(`cifar10:${sharedFolder}/data/cifar-10`, { subset: 'test' });
  const [channels, rows, columns] = data.shape;
  const classifier = await prepareClassifier(await loadModel(`${sharedFolder}/${file}`), undefined, {
    layout: layout ?? 'nchw',
    scale: scale === '0..255' ? 255 : 1,
    ...(mean === undefined ? {} : { mean }),
    ...(std === undefined ? {} : { std }),
    imageShape: [channels, rows, columns],
  });
  const cut = firstActivationCut(classifier.cuts.cuts, classifier.model.graph);
  if (cut === null) throw new Error('the network has an activation');
  const left = leftHalfBoundAt(classifier, cut, 'secant', 1e-6);
  const images = await Promise.all(INDICES.map((index) => data.image(index)));
  const smoothed = await openSmoothed(classifier, cut, left, images, { batch: 32 });
  try {
    const certificates: FlatCertificate[] = [];
    for (const [k, image] of images.entries())
      certificates.push(await smoothed.certify(image, INDICES[k] ?? 0, SETTINGS));
    return { latent: cut.dims.slice(1), certificates };
  } finally {
    await smoothed.close();
  }
}

describe.skipIf(noShared !== null)(titled('one network exported many ways'), () => {
  const [reference, ...others] = entries;
  const known = new Map<CatalogueEntry, Promise<Certified>>();
  const once = (entry: CatalogueEntry): Promise<Certified> => {
    const result = known.get(entry) ?? certified(entry);
    known.set(entry, result);
    return result;
  };

  it('is here eleven times, and some of it is certified', async () => {
    expect(entries).toHaveLength(11);
    const { certificates } = await once(reference as CatalogueEntry);
    expect(certificates.filter(({ radius }) => radius > 0.001).length).toBeGreaterThan(0);
  });

  it.each(others.map((entry) => [basename(entry.file), entry] as const))(
    '%s has the same cut, votes and radii',
    async (_, entry) => {
      const expected = await once(reference as CatalogueEntry);
      const actual = await once(entry);
      expect(actual.latent).toEqual(expected.latent);
      for (const [k, certificate] of actual.certificates.entries()) {
        const { counts, radius } = expected.certificates[k] as FlatCertificate;
        expect(certificate.counts).toEqual(counts);
        expect(Math.abs(certificate.radius - radius)).toBeLessThanOrEqual(1e-6 * radius);
      }
    },
  );
});
