/** How a batch is dealt to the producers of noise: in parts of equal size, but for the last. */
export interface Layout {
  /** Rows per run. */
  readonly batch: number;
  readonly parts: number;
  /** Rows of every part but the last, which has what is left. */
  readonly partRows: number;
}

/** At most `producers` parts. @param batch at least 1 */
export function layoutOf(batch: number, producers: number): Layout {
  const partRows = Math.ceil(batch / producers);
  return { batch, parts: Math.ceil(batch / partRows), partRows };
}

/** Rows of the k-th part of a batch. */
export const rowsOfPart = ({ batch, partRows }: Layout, k: number): number =>
  Math.min(partRows, batch - k * partRows);

/** Where a part of a count lies. */
export interface Place {
  readonly batch: number;
  /** Which part of the batch. */
  readonly part: number;
  /** Its first sample. */
  readonly first: number;
  /** Samples in it; 0 or less where the count has ended. */
  readonly drawn: number;
}

/** The q-th part of the samples from, ..., to - 1: the same samples in the same rows for every number of producers. */
export function placeOf(
  layout: Layout,
  q: number,
  { from, to }: { readonly from: number; readonly to: number },
): Place {
  const batch = Math.floor(q / layout.parts);
  const part = q % layout.parts;
  const first = from + batch * layout.batch + part * layout.partRows;
  return { batch, part, first, drawn: Math.min(rowsOfPart(layout, part), to - first) };
}

/** Parts of the b-th batch of `total` samples that hold any of them. */
export function partsDrawn({ batch, partRows }: Layout, b: number, total: number): number {
  return Math.ceil(Math.min(batch, total - b * batch) / partRows);
}
