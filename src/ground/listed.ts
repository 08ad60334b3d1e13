/** Lists of names in one line. */

/** "3 nodes: A, B and 1 more": how many, and the first few by name. */
export function listed(names: readonly string[], noun: string, shown = 3): string {
  const first = names.slice(0, shown).join(', ');
  const rest = names.length - shown;
  const count = `${names.length} ${noun}${names.length === 1 ? '' : 's'}`;
  return `${count}: ${first}${rest > 0 ? ` and ${rest} more` : ''}`;
}
