/**
 * The batches of a training run. Images of the data set's training subset are held in memory; some are held out for
 * validation, the others are shuffled anew for every epoch and cut into batches of one size. What does not fill a
 * batch is omitted from that epoch: shapes are fixed in a step, and another order omits others.
 *
 * A batch is a pure function of (seed, epoch, step), whatever was asked before: so a run can be resumed anywhere.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { UsageError } from '../ground/errors.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { type Augmentation, drawPlacement, place } from './augmentation.ts';
import { chooseHeldOut } from './held-out.ts';
import { storeImages } from './image-store.ts';
import { randomWords, shuffle } from './random-words.ts';

export interface Batch {
  /** [B,C,H,W], pixels in [0,1]. */
  readonly images: Float32Array;
  /** [B,K], one-hot; empty where labels are not read. */
  readonly labels: Float32Array;
}

export interface TrainingBatches {
  /** B, images per batch. */
  readonly size: number;
  /** Batches of an epoch. */
  readonly steps: number;
  readonly validationSteps: number;
  /** Indices in the data set of the images held out, in ascending order. */
  readonly heldOut: Int32Array;
  /** Epochs and steps count from 0. Throws RangeError for a step that the epoch does not have. */
  training(epoch: number, step: number): Batch;
  /** Held-out images, never augmented. When they are fewer than a batch, they fill it by coming again. */
  validation(step: number): Batch;
  /** "226 steps of 256 of 58,000 images, 2,000 held out" */
  describe(): string;
}

export interface BatchSettings {
  /** K, classes of the model; null where labels are not read. */
  readonly classes: number | null;
  readonly batch: number;
  /** Images to hold out, if that is at most a tenth; rounded down to whole batches. */
  readonly validation: number;
  readonly augment: Augmentation;
  readonly seed: number;
  /** Whether images of one class are enough; else they are refused. */
  readonly oneClass?: boolean;
  /** Use only so many images, the first of the data set. */
  readonly max?: number;
}

/**
 * @throws UsageError for data without labels, with labels that are not a class of the model, of one class only, or with too few
 *   images for a batch; also when an image cannot be read
 */
export async function openTrainingBatches(data: Dataset, settings: BatchSettings): Promise<TrainingBatches> {
  const { classes, batch, augment, seed, oneClass = false } = settings;
  const count = Math.min(settings.max ?? data.length, data.length);
  const labels = classes === null ? unread(data, count) : checkedLabels(data, count, classes, oneClass);
  const heldOut = chooseHeldOut(labels, heldOutCount(settings, count), seed);
  const trained = withoutHeldOut(count, heldOut);
  const steps = Math.floor(trained.length / batch);
  if (steps === 0 || heldOut.length === 0) throw tooFew(data, trained.length, heldOut.length, batch);
  const store = await storeImages(data, count);

  const size = sizeOf(data.shape);
  const scratch = new Float32Array(size);
  const oneHot = (indices: Int32Array): Float32Array => {
    if (classes === null) return new Float32Array();
    const rows = new Float32Array(indices.length * classes);
    for (const [row, index] of indices.entries()) rows[row * classes + (labels[index] as number)] = 1;
    return rows;
  };
  let current: { readonly epoch: number; readonly order: Int32Array } | null = null;
  const orderOf = (epoch: number): Int32Array => {
    if (current?.epoch !== epoch) current = { epoch, order: epochOrder(trained, seed, epoch) };
    return current.order;
  };
  return {
    size: batch,
    steps,
    validationSteps: Math.max(1, Math.floor(heldOut.length / batch)),
    heldOut,
    training(epoch, step) {
      if (!(step >= 0 && step < steps)) throw new RangeError(`step ${step} of an epoch of ${steps}`);
      const indices = orderOf(epoch).subarray(step * batch, (step + 1) * batch);
      const images = new Float32Array(batch * size);
      for (const [row, image] of indices.entries()) {
        if (augment === 'none') {
          store.read(image, images, row * size);
          continue;
        }
        store.read(image, scratch, 0);
        place(
          scratch,
          data.shape,
          drawPlacement(augment, data.shape, { seed, epoch, image }),
          images,
          row * size,
        );
      }
      return { images, labels: oneHot(indices) };
    },
    validation(step) {
      const at = (row: number): number => heldOut[(step * batch + row) % heldOut.length] as number;
      const indices = Int32Array.from({ length: batch }, (_, row) => at(row));
      const images = new Float32Array(batch * size);
      for (const [row, image] of indices.entries()) store.read(image, images, row * size);
      return { images, labels: oneHot(indices) };
    },
    describe: () =>
      `${number(steps)} steps of ${batch} of ${number(trained.length)} images, ${number(heldOut.length)} held out`,
  };
}

/** The training images in the order of an epoch: a permutation, a pure function of (seed, epoch). */
export function epochOrder(images: Int32Array, seed: number, epoch: number): Int32Array {
  return shuffle(Int32Array.from(images), randomWords(seed, Stage.order, epoch, 0));
}

/** At most a tenth, at least one; whole batches when there is more than one batch. */
function heldOutCount({ validation, batch }: BatchSettings, count: number): number {
  const wanted = Math.max(1, Math.min(validation, Math.floor(count / 10)));
  return wanted < batch ? wanted : wanted - (wanted % batch);
}

function withoutHeldOut(count: number, heldOut: Int32Array): Int32Array {
  const held = new Set(heldOut);
  return Int32Array.from({ length: count }, (_, index) => index).filter((index) => !held.has(index));
}

/** All images as of one class. */
function unread(data: Dataset, count: number): Int32Array {
  refuseEmpty(data, count);
  return new Int32Array(count);
}

function refuseEmpty(data: Dataset, count: number): void {
  if (count > 0) return;
  throw new UsageError({
    what: 'the data set holds no image to train on',
    where: `${data.name}, ${data.origin}`,
    remedy: 'Name data with images, or another --subset.',
  });
}

function checkedLabels(data: Dataset, count: number, classes: number, oneClass: boolean): Int32Array {
  const where = `${data.name}, ${data.origin}`;
  refuseEmpty(data, count);
  if (data.labels === null) {
    throw new UsageError({
      what: 'the data to train on have no labels',
      where,
      remedy: 'Give them with --labels FILE (one class index per line, or a CSV), or use labelled data.',
    });
  }
  const labels = data.labels.subarray(0, count);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) {
    throw new UsageError({
      what: `image ${wrong} has the label ${labels[wrong]}, the model has the classes 0 to ${classes - 1}`,
      where,
      why: 'training needs an output of the model for every label',
      remedy:
        'Use data with the labels of the model, renumber them with --labels FILE, or take a model with more classes.',
    });
  }
  if (!oneClass && labels.every((label) => label === labels[0])) {
    throw new UsageError({
      what: `all ${number(count)} images are of class ${labels[0]}`,
      where,
      why: 'a network learns nothing but that class from them',
      remedy:
        count < data.length
          ? 'Use more images: raise --max, or omit it.'
          : 'Use data of two classes or more.',
    });
  }
  return labels;
}

function tooFew(data: Dataset, trained: number, heldOut: number, batch: number): UsageError {
  const where = `${data.name}, ${data.origin}`;
  if (heldOut === 0) {
    return new UsageError({
      what: `${number(trained)} images are too few to train on`,
      where,
      why: 'none of them can be held out for validation with its class still in training',
      remedy: 'Use more images.',
    });
  }
  return new UsageError({
    what: `${number(trained)} training images do not fill one batch of ${number(batch)}`,
    where,
    why: `the shapes of a step are fixed, so only whole batches are trained on; ${number(heldOut)} images are held out`,
    remedy: `Lower --batch to ${number(trained)} or less, or use more images.`,
  });
}

const number = (count: number): string => count.toLocaleString('en-US');
