/**
 * When two run headers describe the same run, so that one may continue the other's file.
 *
 * Everything in a header counts unless it is named here: a field added later is compared until someone shows that it
 * cannot change a certificate. Omitted are times, where a value came from, the names of files and data (their digests
 * count), and what the counter-based noise makes irrelevant: workers, batch, how many images. Node's version is
 * omitted because noise and votes do not depend on it and the rounding error of the bounds is covered by their margins.
 * Provider, ONNX Runtime, CPU and platform do count: each selects kernels whose logits differ in the last bits, and
 * the votes of one file must come from one fixed function.
 */
import { headerDifferences } from './header-differences.ts';
import type { RunHeader } from './record.ts';

const NOT_IDENTITY = new Set([
  'started',
  'model.name',
  'model.denoiser.name',
  'data.name',
  'intake.labels.value',
  'selection.max.value',
  // Compared by itself: a larger --max may come to further files.
  'selection.unreadable',
]);

/**
 * The files of a model count by their digests; checks are measured at each start and informative, and findings grow with the
 * tool.
 */
const NOT_IDENTITY_PATTERNS = [
  /^model\.classNames/u,
  /^model\.(denoiser\.)?files\.\d+\.name$/u,
  /^series\.\d+\.checks\./u,
  /^environments\.\d+\.(workers|node|devices)$/u,
  /^findings/u,
];

const counts = (path: string): boolean =>
  !NOT_IDENTITY.has(path) && !NOT_IDENTITY_PATTERNS.some((pattern) => pattern.test(path));

/** "series.0.settings.sigma.value" as the user knows it: "sigma"; of a further series "series 1: sigma". */
const userName = (path: string): string =>
  path
    .replace(/^(intake|selection)\./u, '')
    .replace(/^series\.0\.((settings|facts)\.)?/u, '')
    .replace(/^series\.(\d+)\.((settings|facts)\.)?/u, 'series $1: ')
    .replace(/\.value$/u, '');

/** Every difference that forbids continuing `file`'s run with `now`, as "sigma: 0.5 in the file, 0.25 now". */
export const differences = (
  file: RunHeader,
  now: RunHeader,
  places: readonly [string, string] = ['in the file', 'now'],
): string[] => [
  ...headerDifferences(file, now, counts, userName, places),
  ...unreadableSince(file, now, places),
];

/** Images that cannot be read now and are not left out of the file: its order of images has them. */
function unreadableSince(
  { selection: before }: RunHeader,
  { selection: after }: RunHeader,
  [there, here]: readonly [string, string],
): string[] {
  const known = new Set(before.unreadable ?? []);
  const further = (after.unreadable ?? []).filter((index) => !known.has(index));
  return further.length === 0 ? [] : [`unreadable images: not ${further.join(', ')} ${there}, but ${here}`];
}
