/** "Did you mean": the names closest to what was typed, by edit distance. */

/** Letters to change, insert, remove, or swap with the next. */
function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, k) => k)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] as number) + 1 : change;
      next.push(Math.min(change, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}

/** A name that contains what was typed, or is at least half of it. */
function overlap(wanted: string, candidate: string): boolean {
  const half = 2 * candidate.length >= wanted.length && wanted.includes(candidate);
  return wanted !== '' && (candidate.includes(wanted) || half);
}

/**
 * "Did you mean NAME? ", to be put before other advice; empty where no name is near: overlapping, or at most a third of the letters wrong.
 * @param written how a name is typed
 */
export function didYouMean(
  typed: string,
  names: readonly string[],
  written: (name: string) => string = (name) => name,
): string {
  const [near] = nearNames(typed, names, 1);
  if (near === undefined) return '';
  const [wanted, candidate] = [typed.toLowerCase(), near.toLowerCase()];
  // No other name is near a single letter.
  const isNear =
    wanted.length > 1
      ? overlap(wanted, candidate) ||
        editDistance(wanted, candidate) <= Math.max(1, Math.floor(wanted.length / 3))
      : wanted === candidate;
  return isNear ? `Did you mean ${written(near)}? ` : '';
}

/**
 * At most `count` names, nearest first; a name that contains what was typed, or is at least half of it, is nearer than any other.
 */
export function nearNames(typed: string, names: readonly string[], count = 5): string[] {
  const wanted = typed.toLowerCase();
  const distance = (name: string): number => {
    const candidate = name.toLowerCase();
    return editDistance(wanted, candidate) - (overlap(wanted, candidate) ? 1000 : 0);
  };
  return [...names]
    .map((name) => ({ name, distance: distance(name) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
