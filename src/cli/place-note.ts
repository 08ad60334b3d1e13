/** Where results go, for people. */

/** What `openResultFile` and `openAttackFile` say of the file they opened. */
interface Opened {
  /** Whether it held a run already. */
  readonly begun: boolean;
  readonly resumed: number;
}

/**
 * A run that is continued keeps the file's seed and records. Whoever planted the file knew the seed, and may have made the
 * model for it: only the person at the keyboard can tell.
 */
export function placeNote(path: string, { begun, resumed }: Opened, repaired = ''): string {
  const place = `out    ${path}${resumed > 0 ? `, resumed after ${resumed} images` : ''}${repaired}`;
  if (!begun) return place;
  const kept = resumed === 0 ? 'its seed is' : 'its seed and records are';
  return `${place}\nnote   the file was begun before, and ${kept} kept; if it was not begun by you, give another --out`;
}
