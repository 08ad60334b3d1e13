/** Scores that do not tell classes apart. Found by running the network on some images, not by looking at the file. */
import { type Finding, findingOf, type Rule } from '../finding.ts';

export const tiedScores: Rule = {
  id: 'SPLITZ034',
  name: 'tied-scores',
  severity: 'warning',
  title: 'Several classes share the largest score.',
  why: 'scores that saturate (a Sigmoid that rounds to 1, a Relu that is 0 everywhere) hide which class the network prefers, and the first of the tied classes gets the vote',
  remedy: 'Export the scores before the last Sigmoid, Softmax or Relu, and certify those.',
};

/** A tie here and there is chance; from this share of the images on it is the network. */
const OFTEN = 0.05;

/** Scores equal to the bit at the top, or null where every image has a largest one. */
export function tiesIn(scores: readonly Float32Array[], data: string): Finding | null {
  const tops = scores.map((row) => {
    const most = row.reduce((top, score) => Math.max(top, score), Number.NEGATIVE_INFINITY);
    return { most, shared: row.filter((score) => score === most).length > 1 };
  });
  const tied = tops.filter(({ shared }) => shared);
  const [first] = tied;
  if (first === undefined) return null;
  const alike = tied.every(({ most }) => most === first.most) ? `, ${first.most} each time` : '';
  return findingOf(tiedScores, {
    where: 'output',
    what: `on ${tied.length} of ${scores.length} images of ${data} several classes share the largest score${alike}`,
    severity: tied.length >= OFTEN * scores.length ? 'warning' : 'note',
  });
}
