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

/**
 * Which of the sessions runs the b-th batch around the k-th centre of a job. A count of one batch has another one than the next count
 * and the next centre, so that short counts keep all of them busy too.
 */
export const sessionOf = (sessions: number, job: number, b: number, k: number): number =>
  (job + b + k) % sessions;

/** What of a job one session counts. */
export interface TallyShare {
  readonly job: number;
  /** Samples of the job around each centre, in all sessions. */
  readonly total: number;
  readonly centres: number;
  /** Which session this is, and of how many. */
  readonly session: number;
  readonly sessions: number;
}

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

/** Samples around all centres that a session counts of a job of `total` around each. */
export function samplesOf({ batch }: Layout, { job, total, centres, session, sessions }: TallyShare): number {
  let samples = 0;
  for (let b = 0; b * batch < total; b++)
    for (let k = 0; k < centres; k++)
      if (sessionOf(sessions, job, b, k) === session) samples += Math.min(batch, total - b * batch);
  return samples;
}

/** Parts of the b-th batch of `total` samples that hold any of them. */
export function partsDrawn({ batch, partRows }: Layout, b: number, total: number): number {
  return Math.ceil(Math.min(batch, total - b * batch) / partRows);
}
