/**
 * The images of a folder and their labels: one sub-folder per class, at any depth below it; or one folder with a
 * labels.csv (file,label); or one folder without labels. Which folder has which label is never left to chance: a class
 * folder without images would move the labels of all later ones, so it is refused.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { listed } from '../ground/listed.ts';
import {
  type ImageFormat,
  imageFormat,
  isNamedAsImage,
  isRead,
  READ_FORMATS_IN_WORDS,
} from './image-format.ts';
import { type LabelFile, readLabelFile } from './label-file.ts';
import { byCodePoint, isFile, listFolder } from './source-file.ts';
import { areSubsets, isSubsetName } from './subset-folders.ts';

export interface ImageListing {
  /** Paths below the folder, with '/' on every system. */
  readonly files: readonly string[];
  readonly labels: Int32Array | null;
  readonly classNames: readonly string[] | null;
  /** The label file used, by path. */
  readonly labelsFrom: string | null;
  /** How the folder was understood, for people, a line each. */
  readonly notes: readonly string[];
}

interface ImageFile {
  /** Below the folder that is listed, with '/'. */
  readonly path: string;
  readonly format: ImageFormat;
}

interface Group {
  /** Name of the sub-folder; '' for the folder itself. */
  readonly name: string;
  readonly images: readonly ImageFile[];
  /** Other files, by path. */
  readonly others: readonly string[];
}

const LABELS_CSV = 'labels.csv';

/**
 * Lists the images below `home`.
 * @param labelFile labels given by the user instead of those of the folder
 * @throws UsageError for a folder without images, class folders that cannot be numbered, a label file that does not fit, and
 * images in a format that is not read
 */
export function listImages(home: string, labelFile?: string): ImageListing {
  const { folders } = listFolder(home);
  const top = groupOf(home, '', false);
  const below = folders.map((name) => groupOf(home, name, true));
  const filled = below.filter(({ images }) => images.length > 0);
  refuseMixture(home, top, filled);
  const images = [...top.images, ...filled.flatMap((group) => group.images)];
  if (images.length === 0) {
    throw new UsageError({
      what: 'there are no images in the folder',
      where: home,
      why: `looked for ${READ_FORMATS_IN_WORDS} files in it and below it`,
      remedy: 'Give a folder of images, or of one sub-folder per class.',
    });
  }
  const csv = labelFile ?? (isFile(join(home, LABELS_CSV)) ? join(home, LABELS_CSV) : undefined);
  const byFolder = (): ImageListing =>
    filled.length > 0 ? labelledByFolder(home, below) : unlabelled(images);
  const listing = csv === undefined ? byFolder() : relabelled(unlabelled(images), csv);
  refuseFormats(home, images, listing.files);
  return { ...listing, notes: [...listing.notes, ...otherFiles([top, ...below])] };
}

/** Deep enough for subsets, classes and a folder within; a path that was meant for something else is not searched through. */
const RECOGNISED_DEPTH = 3;

/** Whether the folder holds an image by name, itself or not far below. */
export function holdsImages(folder: string, depth = RECOGNISED_DEPTH): boolean {
  const { files, folders } = listFolder(folder);
  return (
    files.some(isNamedAsImage) ||
    (depth > 0 && folders.some((name) => holdsImages(join(folder, name), depth - 1)))
  );
}

/** The images of one folder, or of it and all below it. */
function groupOf(home: string, name: string, deep: boolean): Group {
  const paths = walk(home, name, deep).flatMap(({ path, files }) =>
    files.map((file) => (path === '' ? file : `${path}/${file}`)),
  );
  const found = paths.map((path) => ({ path, format: imageFormat(join(home, path)) }));
  return {
    name,
    images: found.flatMap(({ path, format }) => (format === null ? [] : [{ path, format }])),
    others: found.flatMap(({ path, format }) => (format === null && path !== LABELS_CSV ? [path] : [])),
  };
}

interface Walked {
  readonly path: string;
  readonly files: readonly string[];
}

/** A folder and those below it, in the code-point order of their paths. Throws UsageError for links that lead in circles. */
function walk(home: string, start: string, deep: boolean): Walked[] {
  const seen = new Set<string>();
  const visit = (path: string): Walked[] => {
    const real = realpathSync(join(home, path));
    if (seen.has(real)) {
      throw new UsageError({
        what: 'a folder is reached twice',
        where: join(home, path),
        why: `a link leads to ${real}, which is read already: its images would count twice`,
        remedy: 'Remove the link.',
      });
    }
    seen.add(real);
    const { files, folders } = listFolder(join(home, path));
    const inside = deep ? folders.flatMap((name) => visit(path === '' ? name : `${path}/${name}`)) : [];
    return [{ path, files }, ...inside];
  };
  return visit(start).sort((a, b) => byCodePoint(a.path, b.path));
}

function refuseMixture(home: string, top: Group, below: readonly Group[]): void {
  const [image] = top.images;
  const deeper = below[0]?.images[0];
  if (image === undefined || deeper === undefined) return;
  throw new UsageError({
    what: 'images lie both in the folder and in its sub-folders',
    where: home,
    why: `${image.path} in the folder, ${deeper.path} below it`,
    remedy: 'Use one sub-folder per class, or one folder with a labels.csv.',
  });
}

const unlabelled = (images: readonly ImageFile[]): ImageListing => ({
  files: images.map(({ path }) => path),
  labels: null,
  classNames: null,
  labelsFrom: null,
  notes: [],
});

/** Folders named by number are their class index; others are numbered in code-point order, as torchvision does. */
function labelledByFolder(home: string, groups: readonly Group[]): ImageListing {
  const numbered = groups.every(({ name }) => /^\d{1,9}$/.test(name));
  refuseUnclearClasses(home, groups, numbered);
  const labelOf = ({ name }: Group, k: number): number => (numbered ? Number(name) : k);
  const named = groups.map((group, k) => ({ label: labelOf(group, k), name: group.name }));
  return {
    files: groups.flatMap(({ images }) => images.map(({ path }) => path)),
    labels: Int32Array.from(groups.flatMap((group, k) => group.images.map(() => labelOf(group, k)))),
    classNames: numbered ? null : groups.map(({ name }) => name),
    labelsFrom: null,
    notes: [
      numbered ? numbersAsLabels(named) : namesAsLabels(named),
      ...groups
        .filter(({ name }) => isSubsetName(name))
        .map(({ name }) => `${name} is read as a class like the folders beside it, not as a subset`),
    ],
  };
}

interface Named {
  readonly label: number;
  readonly name: string;
}

function namesAsLabels(classes: readonly Named[]): string {
  const pairs = classes.map(({ label, name }) => `${label} = ${name}`);
  return `labels ${ends(pairs)} (class folders in the order of their names)`;
}

function numbersAsLabels(classes: readonly Named[]): string {
  const labels = classes.map(({ label }) => label);
  const asText = labels.every((label, k) => label === k)
    ? ''
    : '; torchvision and Keras would number these folders in the order of their names as text';
  return `labels ${ends(labels.sort((a, b) => a - b).map(String))} (the numbers that the class folders are named by${asText})`;
}

/** All of a short list, both ends of a long one. */
function ends(texts: readonly string[]): string {
  if (texts.length <= 12) return texts.join(', ');
  return `${texts.slice(0, 6).join(', ')}, …, ${texts.slice(-2).join(', ')}`;
}

function refuseUnclearClasses(home: string, groups: readonly Group[], numbered: boolean): void {
  const empty = groups.filter(({ images }) => images.length === 0).map(({ name }) => name);
  if (empty.length > 0 && !numbered) {
    throw new UsageError({
      what: `no image in ${listed(empty, 'class folder')}`,
      where: home,
      why: 'labels are numbered by folder: without this one, every later class would have another number',
      remedy:
        'Remove it if it is not a class. If it is one, put an image into it, name all folders by their numbers, or give the labels with --labels.',
    });
  }
  const twice = groups.find(
    ({ name }, k) => numbered && groups.some((other, j) => j < k && Number(other.name) === Number(name)),
  );
  if (twice !== undefined) {
    throw new UsageError({
      what: `two folders stand for class ${Number(twice.name)}`,
      where: join(home, twice.name),
      remedy: 'Keep one folder per class.',
    });
  }
  for (const group of groups) refuseNestedSets(home, group, groups.length);
}

/** A "class" whose images lie in subsets, or a single one with folders inside, is more likely a data set one level up. */
function refuseNestedSets(home: string, { name, images }: Group, classes: number): void {
  const depth = name.length + 1;
  const inside = [...new Set(images.map(({ path }) => path.slice(depth).split('/')))].map((parts) =>
    parts.length > 1 ? (parts[0] ?? '') : '',
  );
  const folders = [...new Set(inside.filter((part) => part !== ''))];
  const direct = inside.includes('');
  if (folders.length === 0 || direct) return;
  if (classes > 1 && !areSubsets(folders)) return;
  throw new UsageError({
    what: `it is unclear what the classes are: ${name} holds only folders (${folders.slice(0, 3).join(', ')}${folders.length > 3 ? ', …' : ''})`,
    where: home,
    why: areSubsets(folders) ? 'these are names of subsets' : `${name} is the only folder`,
    remedy: `Give ${join(home, name)} if that is the data set; otherwise give labels with --labels.`,
  });
}

/** Labels by file name where the label file has names (it then also chooses and orders the images), else by position. */
function relabelled(listing: ImageListing, path: string): ImageListing {
  const file: LabelFile = readLabelFile(path);
  const present = new Set(listing.files);
  if (file.files === null) {
    requireSameLength(listing.files.length, file.labels.length, path);
    return { ...listing, labels: file.labels, labelsFrom: path };
  }
  const names = file.files.map((name) => name.replace(/^\.\//, ''));
  const missing = names.find((name) => !present.has(name));
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (missing !== undefined || twice !== undefined) {
    throw new UsageError({
      what:
        missing === undefined
          ? `the label file names ${twice} twice`
          : `the label file names ${missing}, which is not there`,
      where: path,
      remedy: 'Write the path of each image below the folder once, as in "dogs/1.png,3".',
    });
  }
  requireSameLength(listing.files.length, names.length, path);
  return { ...listing, files: names, labels: file.labels, labelsFrom: path };
}

/** @throws UsageError naming both numbers */
export function requireSameLength(images: number, labels: number, path: string): void {
  if (images === labels) return;
  throw new UsageError({
    what: `${images} images but ${labels} labels`,
    where: path,
    remedy: 'Give one label for each image of the data set, in its order.',
  });
}

function refuseFormats(home: string, images: readonly ImageFile[], files: readonly string[]): void {
  const chosen = new Set(files);
  const refused = images.filter(
    ({ path, format }) => chosen.has(path) && format !== 'damaged' && !isRead(format),
  );
  if (refused.length === 0) return;
  const formats = [...new Set(refused.map(({ format }) => format))].join(', ');
  const svg = formats.includes('SVG') ? ' An SVG has no pixels of its own: they depend on the program.' : '';
  const paths = refused.map(({ path }) => path);
  throw new UsageError({
    what: `images in a format that is not read: ${formats}`,
    where: home,
    why: `${listed(paths, 'file')}. ${READ_FORMATS_IN_WORDS} are read, and the content decides, not the name.${svg}`,
    remedy: 'Convert them to PNG, which keeps every pixel, or remove them.',
  });
}

function otherFiles(groups: readonly Group[]): string[] {
  const others = groups.flatMap((group) => group.others);
  return others.length === 0 ? [] : [`left aside ${listed(others, 'file')}: not images`];
}
