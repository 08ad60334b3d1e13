/** The images a plan is made on: never those it is made for. */
import type { Dataset } from '../../datasets/dataset.ts';
import { type DatasetOptions, openDataset } from '../../datasets/open-dataset.ts';
import { readableImages } from '../../datasets/readable-images.ts';
import { UsageError } from '../../ground/errors.ts';
import type { PilotImages } from '../../methods/method.ts';

/** Far above the indices of any data set, so that no draw of a plan is one of the certificates it leads to. */
const FIRST_PILOT_INDEX = 2 ** 31;

export interface PlanImages extends PilotImages {
  /** Where they are from, for people. */
  readonly from: string;
  /** Images at the end of the data that the pilot uses up; 0 when it has data of its own. */
  readonly heldOut: number;
}

/**
 * Images spread evenly over the other part of the data (training images, for a test set); where there is no other part,
 * the last images of the data, which the planned run then omits.
 * @param spec the data as they were named
 * @param opening how `data` were opened
 */
export async function pilotImages(
  spec: string,
  data: Dataset,
  opening: Pick<DatasetOptions, 'subset' | 'greyAsRgb'>,
  count: number,
): Promise<PlanImages> {
  const other = await openOther(spec, { ...opening, subset: opening.subset === 'test' ? 'train' : 'test' });
  const own = other === null || other.digest === data.digest;
  if (own && data.length <= count) {
    throw new UsageError({
      what: `a plan on ${count} images needs more than ${count}`,
      where: data.describe(),
      why: 'the data have no other part, and images that a plan is made on are not certified afterwards',
      remedy: `Give --images a number below ${data.length}, or certify without a plan.`,
    });
  }
  const source = own ? data : other;
  const taken = Math.min(count, source.length);
  const indices = Array.from({ length: taken }, (_, k) =>
    own ? data.length - taken + k : Math.floor((k * source.length) / taken),
  );
  const read = await readableImages(source, indices);
  const images = read.map(({ pixels }, k) => ({ index: FIRST_PILOT_INDEX + k, pixels }));
  if (images[0]?.pixels.length !== data.shape.reduce((a, b) => a * b, 1)) {
    throw new UsageError({
      what: 'the two parts of the data hold images of different shapes',
      where: `${data.describe()}; ${source.describe()}`,
      remedy: 'Give data of one shape.',
    });
  }
  return {
    images,
    labels: read.map(({ index }) => source.labels?.[index] ?? null),
    from: own
      ? `the last ${images.length} images of ${data.name}`
      : `${images.length} images of ${source.name}`,
    heldOut: own ? taken : 0,
  };
}

/** The other part, or null where there is none. */
async function openOther(spec: string, options: DatasetOptions): Promise<Dataset | null> {
  try {
    return await openDataset(spec, options);
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}
