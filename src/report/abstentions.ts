/** Why images have no certificate, from their votes. */
import type { CertificateRecord } from '../records/record.ts';

export interface AbstentionReason {
  readonly reason: string;
  /** What could be done about it. */
  readonly remedy: string;
  readonly images: readonly CertificateRecord[];
}

type Why = 'nothing finite' | 'lost' | 'undecided' | 'no radius';

const WORDS: Readonly<Record<Why, readonly [reason: string, remedy: string]>> = {
  'nothing finite': [
    'no draw of the selection had finite logits, so that no class was selected',
    'Look at the model and its preprocessing: `splitz-onnx inspect MODEL --data DATA`.',
  ],
  lost: [
    'the selected class got half of the votes or less: the smoothed classifier has no majority here, or the selection took another class',
    'Use less noise, or a model trained with this noise; more draws will hardly help.',
  ],
  undecided: [
    'the selected class got more than half of the votes, but so few more that chance explains it (p_A is at most 1/2)',
    'Use more draws (--n).',
  ],
  'no radius': [
    'certified to be the class of the image itself, but the radius is 0: what p_A allows is used up by rounding errors, or the left half has no finite bound here',
    'Use another cut, or more draws (--n).',
  ],
};

/** The images without a positive radius, grouped by reason, most frequent first. */
export function abstentions(records: readonly CertificateRecord[]): AbstentionReason[] {
  const groups = new Map<Why, CertificateRecord[]>();
  for (const record of records) {
    const why = whyNone(record);
    if (why === null) continue;
    const group = groups.get(why);
    if (group === undefined) groups.set(why, [record]);
    else group.push(record);
  }
  return [...groups]
    .map(([why, images]) => ({ reason: WORDS[why][0], remedy: WORDS[why][1], images }))
    .sort((a, b) => b.images.length - a.images.length);
}

function whyNone({ abstained, radius, selected, counts, n }: CertificateRecord): Why | null {
  if (!abstained) return radius > 0 ? null : 'no radius';
  if (selected === null) return 'nothing finite';
  return 2 * (counts[selected] ?? 0) > n ? 'undecided' : 'lost';
}

/** "7: 4845, 9: 4350", the classes with the most votes. */
export function leadingVotes(counts: readonly number[], most = 3): string {
  return counts
    .map((votes, label) => ({ votes, label }))
    .filter(({ votes }) => votes > 0)
    .sort((a, b) => b.votes - a.votes || a.label - b.label)
    .slice(0, most)
    .map(({ votes, label }) => `${label}: ${votes}`)
    .join(', ');
}
