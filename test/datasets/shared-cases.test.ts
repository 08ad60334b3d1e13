/** The shared inputs that data sets were read wrongly from: each is read right, or refused by name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { refusal } from './files.ts';

const cases = join(sharedFolder, 'cases');
const absent = existsSync(cases) ? null : 'the shared cases are not on this machine';
const titled = (title: string): string => (absent === null ? title : `${title} (skipped: ${absent})`);
const open = (place: string, subset: 'train' | 'test' = 'test') =>
  openDataset(`images:${join(cases, place)}`, { subset });

describe.skipIf(absent !== null)(titled('shared cases of data'), () => {
  it('class-folder-dropped: whole folders are labelled, and no folder is passed over', async () => {
    const full = await open('class-folder-dropped/full');
    expect([full.classNames, [...(full.labels ?? [])]]).toEqual([
      ['apple', 'banana', 'cherry'],
      [0, 0, 1, 1, 2, 2],
    ]);
    expect(await refusal(() => open('class-folder-dropped/noimg'))).toMatch(/no image in .*banana/);
    expect(await refusal(() => open('class-folder-dropped/bmp'))).toMatch(/not read: BMP .*banana\/0\.bmp/);
  });

  it('class-named-test-or-train: all six images, labelled, for either subset', async () => {
    for (const name of ['vehicles', 'vehicles2'] as const)
      for (const subset of ['train', 'test'] as const) {
        const data = await open(`class-named-test-or-train/${name}`, subset);
        const own = name === 'vehicles' ? 'train' : 'test';
        expect([data.classNames, [...(data.labels ?? [])]]).toEqual([
          ['bus', 'car', own],
          [0, 0, 1, 1, 2, 2],
        ]);
      }
  });

  it('grey-first: read as colour images if asked, whatever the order, and refused with the flag if not', async () => {
    const spec = `images:${join(cases, 'grey-first')}`;
    const asked = await openDataset(spec, { subset: 'test', greyAsRgb: true });
    for (let index = 0; index < asked.length; index++)
      expect(await asked.image(index)).toHaveLength(3 * 32 * 32);
    const plain = await openDataset(spec, { subset: 'test' });
    const all = Array.from({ length: plain.length }, (_, index) => index);
    expect(await refusal(() => Promise.all(all.map((index) => plain.image(index))))).toMatch(
      /in a set of grey ones.*Add --channels grey-to-rgb/,
    );
  });

  it('image-folder: drawings named .png are refused', async () => {
    expect(await refusal(() => open('image-folder/svg'))).toMatch(/not read: SVG .*a\/1\.png/);
  });
});
