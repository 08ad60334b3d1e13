/** Where results go, for people. */

/** What `openResultFile` and `openAttackFile` report about the file they opened. */
interface Opened {
  /** Whether it held a run already. */
  readonly begun: boolean;
  readonly resumed: number;
}

/**
 * A continued run keeps the file's seed and records. Anyone who planted the file knew the seed, and may have made the model for
 * it; only the user can tell.
 */
export function placeNotes(path: string, { begun, resumed }: Opened, repaired = ''): readonly string[] {
  const place = `out    ${path}${resumed > 0 ? `, resumed after ${resumed} image${resumed === 1 ? '' : 's'}` : ''}${repaired}`;
  if (!begun) return [place];
  const kept = resumed === 0 ? 'its seed is' : 'its seed and records are';
  return [
    place,
    `note   the file was begun earlier, and ${kept} kept; if you did not begin it, use another --out`,
  ];
}
