/** The preparation of pixels judged from images: another one is reported where it is clearly better, with what to write. */
import { describe, expect, it } from 'vitest';
import { assembleDataset, type Dataset } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { scaleFromData } from '../../src/onnx/preflight/checks/preprocessing.ts';
import { type IntakeRequest, intakeSettings, preprocessingOf } from '../../src/runs/intake-settings.ts';
import { checkPreparation, judged } from '../../src/runs/preparation/preparation-check.ts';
import {
  asPrepared,
  isSame,
  optionsFor,
  type Preparation,
  usualPreparations,
} from '../../src/runs/preparation/usual-preparations.ts';
import { floatTensor, intAttr, node, type Parts, tinyModel } from '../onnx/tiny-model.ts';

const NO_METADATA = { metadata: new Map<string, string>() };

/** What the check says of a model whose pixels are prepared as requested. */
async function checked(model: ReturnType<typeof tinyModel>, request: IntakeRequest, data: Dataset) {
  const intake = intakeSettings(request, NO_METADATA);
  const classifier = await prepareClassifier(model, undefined, preprocessingOf(intake, data.shape));
  return checkPreparation(classifier, data, intake);
}

/** Two classes by the mean of the pixels, its threshold in units of `top`: below it class 0. */
const byBrightness = (top: number, input: Parts['input'] = ['N', 1, 28, 28]) =>
  tinyModel({
    nodes: [
      node('Flatten', ['x'], 'flat'),
      node('ReduceMean', ['flat'], 'mean', {
        attribute: [intAttr('keepdims', 1), { name: 'axes', type: 7, ints: [1] }],
      }),
      node('Sub', ['mean', 'threshold'], 'bright'),
      node('Neg', ['bright'], 'dark'),
      node('Concat', ['dark', 'bright'], 'y', { attribute: [intAttr('axis', 1)] }),
    ],
    initializers: [floatTensor('threshold', [1], [0.13 * top])],
    input,
    output: [input[0] ?? null, 2],
  });

const unlabelled = async () => ({ ...(await openDataset('glyphs', { subset: 'test' })), labels: null });

describe('the scale judged from images without labels', () => {
  it('is reported when the answers are all the same on the scale used and not on the other', async () => {
    const { finding, alone } = await checked(byBrightness(255), {}, await unlabelled());
    expect(finding).toMatchObject({ id: 'SPLITZ026', severity: 'warning', where: 'input' });
    expect(finding?.remedy).toContain('--scale 255');
    expect(finding?.what).toContain('100 % of the images the same answer with pixels in 0..1');
    expect(alone).toBeNull();
  });

  it('is not reported on the right scale', async () => {
    expect((await checked(byBrightness(1), {}, await unlabelled())).finding).toBeNull();
    expect((await checked(byBrightness(255), { scale: 255 }, await unlabelled())).finding).toBeNull();
  });

  it('is reported of a model whose batch size is fixed', async () => {
    const { finding } = await checked(byBrightness(255, [4, 1, 28, 28]), {}, await unlabelled());
    expect(finding).toMatchObject({ id: 'SPLITZ026' });
  });

  it('is reported in both directions', () => {
    const found = scaleFromData({ scale: 255, sameAnswer: 1 }, { scale: 1, sameAnswer: 0.1 }, 64, 'd');
    expect(found?.remedy).toContain('--scale 1.');
    expect(
      scaleFromData({ scale: 1, sameAnswer: 0.89 }, { scale: 255, sameAnswer: 0.1 }, 64, 'd'),
    ).toBeNull();
  });
});

const CLASSES = 12;
const SIDE = 4;

/** Colours of the classes, spread over the pixels' range. */
const colours = (channels: number): number[][] =>
  Array.from({ length: CLASSES }, (_, k) =>
    Array.from({ length: channels }, (_, c) => ((k * 0.381966 * (c + 1) + 0.21 * c + 0.09) % 0.9) + 0.05),
  );

/** Images of one colour each, labelled with their class, in an order without pattern. */
function colourSet(channels: number, length = 96): Dataset {
  const classOf = (index: number): number => (index * 7 + Math.floor(index / CLASSES)) % CLASSES;
  return assembleDataset({
    ...{ name: 'colours', kind: 'npz', shape: [channels, SIDE, SIDE], length, classNames: null },
    ...{ origin: 'made', identity: [['colours', 'colours']] },
    labels: Int32Array.from({ length }, (_, index) => classOf(index)),
    image: async (index) =>
      Float32Array.from({ length: channels * SIDE * SIDE }, (_, i) => {
        const c = Math.floor(i / (SIDE * SIDE));
        return (colours(channels)[classOf(index)]?.[c] ?? 0) + 0.004 * Math.sin(i + index);
      }),
  });
}

/** The nearest class colour, for pixels prepared as said: score k is 2 c_k·v − |c_k|², v the mean of every channel. */
function byColour({ scale, mean, std, channelOrder }: Preparation) {
  const channels = mean.length;
  const centres = colours(channels).map((colour) =>
    (channelOrder === 'bgr' ? colour.toReversed() : colour).map(
      (x, c) => (scale * x - (mean[c] ?? 0)) / (std[c] ?? 1),
    ),
  );
  return tinyModel({
    nodes: [
      node('GlobalAveragePool', ['x'], 'pooled'),
      node('Flatten', ['pooled'], 'v'),
      node('Gemm', ['v', 'w', 'b'], 'y', { attribute: [intAttr('transB', 1)] }),
    ],
    initializers: [
      floatTensor(
        'w',
        [CLASSES, channels],
        centres.flat().map((x) => 2 * x),
      ),
      floatTensor(
        'b',
        [CLASSES],
        centres.map((centre) => -centre.reduce((sum, x) => sum + x * x, 0)),
      ),
    ],
    input: ['N', channels, SIDE, SIDE],
    output: ['N', CLASSES],
  });
}

/** The options of a remedy, as they would be parsed. */
function requestIn(text: string): IntakeRequest {
  const value = (name: string): string =>
    new RegExp(`--${name} (\\S+?)(?=[\\s.,]*(?:\\s|$))`).exec(text)?.[1] ?? '';
  return {
    scale: Number(value('scale')),
    mean: value('mean'),
    std: value('std'),
    ...(text.includes('--channels') ? { channels: value('channels') === 'bgr' ? 'bgr' : 'rgb' } : {}),
  };
}

const plain: IntakeRequest = {};

describe.each([1, 3])('the preparation judged from labelled images of %i channels', (channels) => {
  const data = colourSet(channels);
  const [raw, ...others] = usualPreparations(channels);

  it('is reported for every usual preparation that was omitted, and what it writes finds the labels', async () => {
    for (const expecting of others) {
      const model = byColour(expecting);
      const { finding, alone } = await checked(model, plain, data);
      expect(finding, optionsFor(expecting)).toMatchObject({ id: 'SPLITZ031', severity: 'warning' });
      expect(alone?.right).toBeLessThan(48);
      const mended = await checked(model, requestIn(finding?.what ?? ''), data);
      expect(mended.alone?.right, finding?.what).toBeGreaterThan(60);
      expect(mended.finding).toBeNull();
    }
  });

  it('is reported where pixels are prepared although the model takes them as they are', async () => {
    if (raw === undefined) throw new Error('there are usual preparations');
    for (const given of others) {
      const request = requestIn(`${optionsFor(given)} `);
      const { finding } = await checked(byColour(raw), request, data);
      expect(finding?.what, optionsFor(given)).toContain(`% of the labels with ${optionsFor(raw)}, and`);
    }
  });

  it('is not reported where it is right', async () => {
    for (const given of usualPreparations(channels)) {
      const { finding, alone } = await checked(byColour(given), requestIn(`${optionsFor(given)} `), data);
      expect([finding, alone?.right]).toEqual([null, 64]);
    }
  });

  it('is not judged by fewer than 32 labelled images', async () => {
    const other = others[0];
    if (other === undefined) throw new Error('there are usual preparations');
    const { finding, alone } = await checked(byColour(other), plain, colourSet(channels, 31));
    expect(finding).toBeNull();
    expect(alone?.images).toBe(31);
  });
});

describe('a network of flat images', () => {
  const ROWS = 3;
  const COLUMNS = 5;
  const pattern = (k: number): number[] =>
    Array.from({ length: ROWS * COLUMNS }, (_, i) => ((k + 1) * 0.618 * (i + 2) ** 2) % 1);
  const length = 64;
  const data = assembleDataset({
    ...{ name: 'patterns', kind: 'npz', shape: [1, ROWS, COLUMNS], length, classNames: null },
    ...{ origin: 'made', identity: [['patterns', 'patterns']] },
    labels: Int32Array.from({ length }, (_, index) => index % CLASSES),
    image: async (index) => Float32Array.from(pattern(index % CLASSES)),
  });
  /** The nearest pattern, its pixels column by column. */
  const columnsFirst = tinyModel({
    nodes: [node('Gemm', ['x', 'w', 'b'], 'y', { attribute: [intAttr('transB', 1)] })],
    initializers: [
      floatTensor(
        'w',
        [CLASSES, ROWS * COLUMNS],
        Array.from({ length: CLASSES }, (_, k) =>
          Array.from({ length: COLUMNS }, (_, j) =>
            Array.from({ length: ROWS }, (_, i) => 2 * (pattern(k)[i * COLUMNS + j] ?? 0)),
          ),
        ).flat(2),
      ),
      floatTensor(
        'b',
        [CLASSES],
        Array.from({ length: CLASSES }, (_, k) => -pattern(k).reduce((sum, x) => sum + x * x, 0)),
      ),
    ],
    input: ['N', ROWS * COLUMNS],
    output: ['N', CLASSES],
  });

  it('is reported to take its pixels column by column, in images that are not square', async () => {
    const { finding } = await checked(columnsFirst, { layout: 'flat' }, data);
    expect(finding?.what).toContain(
      '100 % of the labels with --scale 1 --mean 0 --std 1 --layout flat-transposed, and',
    );
    const mended = await checked(columnsFirst, { layout: 'flat-transposed' }, data);
    expect([mended.alone?.right, mended.finding]).toEqual([64, null]);
  });
});

describe('a network that guesses', () => {
  it('is reported: labels of another data set', async () => {
    const data = colourSet(3);
    const shuffled = {
      ...data,
      labels: Int32Array.from({ length: data.length }, (_, k) => (k * k + 3 * k) % CLASSES),
    };
    const { finding } = await checked(byColour(usualPreparations(3)[0] as Preparation), plain, shuffled);
    expect(finding).toMatchObject({ id: 'SPLITZ032', severity: 'warning' });
    expect(finding?.what).toContain('no more than guessing does');
  });

  it('is not reported where all images have one label: nothing tells guessing from knowing', async () => {
    const data = colourSet(3);
    const one = { ...data, labels: new Int32Array(data.length) };
    const { finding } = await checked(byColour(usualPreparations(3)[0] as Preparation), plain, one);
    expect(finding).toBeNull();
  });
});

describe('the evidence', () => {
  const outcome = (right: number, images = 64): boolean[] =>
    Array.from({ length: images }, (_, k) => k < right);
  const wanted = Array.from({ length: 64 }, (_, k) => k % 10);
  const preparation = usualPreparations(1)[1] as Preparation;
  const said = (given: number, other: number) =>
    judged({
      ...{ asGiven: outcome(given), candidates: 5, wanted, data: 'd' },
      tried: [{ preparation, right: outcome(other) }],
    });

  it('is about a network behind its denoiser where the file is one, and then no more than a note', () => {
    const given = { asGiven: outcome(6), candidates: 5, wanted, data: 'd' };
    const tried = [{ preparation, right: outcome(6) }];
    expect(judged({ ...given, tried })).toMatchObject({ id: 'SPLITZ032', severity: 'warning' });
    const composed = judged({ ...given, tried, composed: true });
    expect(composed).toMatchObject({ id: 'SPLITZ032', severity: 'note' });
    expect(composed?.what).toContain('without noise the network behind its denoiser finds 6 of the labels');
    expect(composed?.remedy).toContain('splitz.network');
  });

  it('is enough for a clear gain only: chance gives none in a thousand checks', () => {
    // Two-sided sign test at 0.001 / 6: 2^-12 is below it, 2^-11 is not.
    expect(said(40, 54)?.id).toBe('SPLITZ031');
    expect(said(40, 52)).toBeNull();
    expect(said(54, 40)).toBeNull();
  });

  it('states both shares and the options', () => {
    expect(said(32, 64)?.what).toBe(
      'on 64 images of d the network alone finds 100 % of the labels with --scale 255 --mean 0 --std 1, and 50 % as given',
    );
  });
});

describe('an image prepared another way', () => {
  it('is what the given preparation turns into what the other one would give', () => {
    const image = Float32Array.from({ length: 12 }, (_, i) => (i % 7) / 7);
    const prepared = (x: Float32Array, { scale, mean, std, channelOrder }: Preparation): number[] =>
      Array.from({ length: 12 }, (_, i) => {
        const c = Math.floor(i / 4);
        const from = (channelOrder === 'bgr' ? 2 - c : c) * 4 + (i % 4);
        return (scale * (x[from] ?? 0) - (mean[c] ?? 0)) / (std[c] ?? 1);
      });
    for (const [g, given] of usualPreparations(3).entries())
      for (const [o, other] of usualPreparations(3).entries()) {
        const size = Math.max(...prepared(image, other).map(Math.abs));
        const again = prepared(asPrepared(image, [3, 2, 2], given, other), given);
        for (const [i, value] of prepared(image, other).entries())
          expect(Math.abs((again[i] ?? 0) - value)).toBeLessThan(1e-4 * Math.max(1, size));
        expect(isSame(given, other)).toBe(g === o);
      }
  });

  it('is so laid flat, too, in images that are not square, by rows and by columns', () => {
    const [rows, columns] = [2, 3];
    const image = Float32Array.from({ length: rows * columns }, (_, i) => (i % 7) / 7);
    const laidFlat = (x: Float32Array, { scale, mean, std, columnsFirst }: Preparation): number[] => {
      const order = columnsFirst
        ? Array.from({ length: rows * columns }, (_, k) => (k % rows) * columns + Math.floor(k / rows))
        : Array.from(x.keys());
      return order.map((i) => (scale * (x[i] ?? 0) - (mean[0] ?? 0)) / (std[0] ?? 1));
    };
    for (const given of usualPreparations(1, true))
      for (const other of usualPreparations(1, true)) {
        const wanted = laidFlat(image, other);
        const again = laidFlat(asPrepared(image, [1, rows, columns], given, other), given);
        for (const [i, value] of wanted.entries())
          expect(Math.abs((again[i] ?? 0) - value)).toBeLessThan(1e-4 * Math.max(1, ...wanted.map(Math.abs)));
      }
  });
});
