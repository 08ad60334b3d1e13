/** What neither a file nor its model and data can show: who chose, and what only the first line states. In words, for `verify`. */
import type { RunHeader } from '../records/record.ts';

const thousands = (n: number): string => n.toLocaleString('en-US');

/** What a seed leaves open: who knew it before the model was made, or how many were drawn. */
export function seedDoubt({ seed }: Pick<RunHeader, 'seed'>): string {
  return seed.origin === 'operating system'
    ? `that the seed ${seed.value} was drawn once (by the operating system, the file states), and not repeatedly until the result pleased`
    : `that the maker of the model did not know the seed ${seed.value}: it was chosen (${seed.origin}), and a model can be made for the noise of a known seed`;
}

/** How the images were chosen; null where all of the data are there. @param records how many there are */
export function selectionDoubt(
  { selection, data }: Pick<RunHeader, 'selection' | 'data'>,
  records: number,
): string | null {
  if (records === data.length) return null;
  const { start, skip, heldOut, shard } = selection;
  const every =
    skip.value > 1
      ? `every ${ordinal(skip.value)} from ${start.value}`
      : start.value === 0
        ? 'the first'
        : `those from ${start.value} on`;
  const parts = [
    `${thousands(records)} of ${thousands(data.length)}, ${every}`,
    ...(shard === null ? [] : [`part ${shard.index + 1} of ${shard.of}`]),
    ...(heldOut.length === 0 ? [] : [`${thousands(heldOut.length)} held out`]),
  ];
  return `how the images were chosen: ${parts.join(', ')}`;
}

const SUFFIX: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd' };
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });
const ordinal = (n: number): string => `${n}${SUFFIX[ordinals.select(n)] ?? 'th'}`;

/** What the first line alone states. */
export const STATED_ONLY =
  "what only the first line states: the program's version, times, machines, who chose each setting, --max, the names of files, data and classes";
