/** "Did you mean": the names closest to what was typed, by edit distance. */

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/**
 * At most `count` names, nearest first; a name that contains what was typed, or is at least half of it, is nearer than any other.
 */
export function nearNames(typed: string, names: readonly string[], count = 5): string[] {
  const wanted = typed.toLowerCase();
  const distance = (name: string): number => {
    const candidate = name.toLowerCase();
    const half = 2 * candidate.length >= wanted.length && wanted.includes(candidate);
    const contains = wanted !== '' && (candidate.includes(wanted) || half);
    return editDistance(wanted, candidate) - (contains ? 1000 : 0);
  };
  return [...names]
    .map((name) => ({ name, distance: distance(name) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
