/** How two headers differ, leaf by leaf: what is not named as free counts. */

/** Leaves of a header by dotted path; lists of numbers are leaves. Origins are not part of a value. */
function leaves(value: unknown, path = ''): [path: string, value: string][] {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return [[path, JSON.stringify(value)]];
  return Object.entries(value)
    .filter(([key]) => key !== 'origin')
    .flatMap(([key, child]) => leaves(child, path === '' ? key : `${path}.${key}`));
}

/**
 * Every leaf in which `before` and `after` differ, as "sigma: 0.5 in the file, 0.25 now".
 * @param counts whether a leaf, by its path ("model.files.0.sha256"), is compared
 * @param name what the user calls that path
 */
export function headerDifferences(
  before: object,
  after: object,
  counts: (path: string) => boolean,
  name: (path: string) => string,
  [there, here]: readonly [string, string],
): string[] {
  const compared = (header: object) => new Map(leaves(header).filter(([path]) => counts(path)));
  const [old, current] = [compared(before), compared(after)];
  return [...new Set([...old.keys(), ...current.keys()])]
    .filter((path) => old.get(path) !== current.get(path))
    .map(
      (path) =>
        `${name(path)}: ${old.get(path) ?? 'absent'} ${there}, ${current.get(path) ?? 'absent'} ${here}`,
    );
}
