/**
 * Which sub-folders of a folder of images are its subsets. "test" may also be the name of a class, so names alone do not
 * decide: the sub-folders are subsets only if all of them are named so.
 */
import { join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import type { Subset } from './dataset.ts';
import { imageFormat } from './image-format.ts';
import { listFolder } from './source-file.ts';

/** Names a subset's own folder may have, in any case; the first that is there is read. */
const NAMES: Readonly<Record<Subset, readonly string[]>> = {
  train: ['train', 'training'],
  test: ['test', 'testing', 'val', 'valid', 'validation'],
};

/** Whether a subset's folder may have this name; a class may too. */
export const isSubsetName = (name: string): boolean =>
  Object.values(NAMES).some((names) => names.includes(name.toLowerCase()));

/** Whether sub-folders of these names are subsets. */
export const areSubsets = (folders: readonly string[]): boolean =>
  folders.length > 0 && folders.every(isSubsetName);

export interface SubsetFolder {
  /** The folder with the subset's images. */
  readonly home: string;
  /** Whether it is a subset's own; otherwise the folder serves both subsets. */
  readonly own: boolean;
}

/**
 * The subset's own folder when the sub-folders are subsets, else the folder itself.
 * @throws UsageError when the subset is not there, or folders named as subsets stand among others without being classes
 */
export function subsetFolder(folder: string, subset: Subset): SubsetFolder {
  const { files, folders } = listFolder(folder);
  if (!areSubsets(folders)) {
    refuseAmbiguous(folder, folders);
    return { home: folder, own: false };
  }
  // Images beside them: the listing says what is wrong with that.
  if (files.some((name) => imageFormat(join(folder, name)) !== null)) return { home: folder, own: false };
  const own = NAMES[subset]
    .map((wanted) => folders.find((name) => name.toLowerCase() === wanted))
    .find((name) => name !== undefined);
  if (own !== undefined) return { home: join(folder, own), own: true };
  throw new UsageError({
    what: `the folder has no ${subset} subset`,
    where: folder,
    why: `its sub-folders are subsets (${folders.join(', ')}), and none is named ${NAMES[subset].join(', ')}`,
    remedy: 'Choose the other --subset, or give the sub-folder itself.',
  });
}

/** A class folder holds images; a folder named "train" among others that holds only folders could be either. */
function refuseAmbiguous(folder: string, folders: readonly string[]): void {
  const unclear = folders.filter(isSubsetName).find((name) => {
    const inside = listFolder(join(folder, name));
    return inside.folders.length > 0 && inside.files.length === 0;
  });
  if (unclear === undefined) return;
  const others = folders.filter((name) => !isSubsetName(name));
  throw new UsageError({
    what: `the sub-folder ${unclear} could be a subset or a class`,
    where: folder,
    why: `it holds folders only, as a subset does, but stands beside ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`,
    remedy: `Give ${join(folder, unclear)} itself if it is a subset. If it is a class, put its images directly into it.`,
  });
}
