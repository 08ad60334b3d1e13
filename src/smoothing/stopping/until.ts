/**
 * When the draws of an image end, as `--until` and result files write it:
 *
 *   n                 after all n draws, a number fixed beforehand
 *   radius >= R       as soon as it is decided whether the certified radius reaches R (input units)
 *   tolerance T%      as soon as the radius is within T % of what all n draws would give
 */
import { UsageError } from '../../ground/errors.ts';

export type Until =
  | { readonly kind: 'n' }
  | { readonly kind: 'radius'; readonly radius: number }
  | { readonly kind: 'tolerance'; readonly percent: number };

/** What stands for no rule at all: records of such runs do not mention it. */
export const ALL_DRAWS = 'n';

const NUMBER = String.raw`(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)`;
const RADIUS = new RegExp(String.raw`^\s*radius\s*>=\s*${NUMBER}\s*$`, 'iu');
const TOLERANCE = new RegExp(String.raw`^\s*tolerance\s+${NUMBER}\s*%\s*$`, 'iu');

/** What a text says; null where it says nothing of the kind. */
export function readUntil(text: string): Until | null {
  if (text.trim() === ALL_DRAWS) return { kind: 'n' };
  const radius = Number(RADIUS.exec(text)?.groups?.['number']);
  if (radius > 0 && Number.isFinite(radius)) return { kind: 'radius', radius };
  const percent = Number(TOLERANCE.exec(text)?.groups?.['number']);
  return percent > 0 && percent < 100 ? { kind: 'tolerance', percent } : null;
}

/** The one way in which a result file writes it. */
export function untilText(until: Until): string {
  if (until.kind === 'n') return ALL_DRAWS;
  return until.kind === 'radius' ? `radius >= ${until.radius}` : `tolerance ${until.percent}%`;
}

/** Of a setting; without one, all draws are made. @throws UsageError for a text that cannot be read */
export function untilOf(text: string | undefined): Until {
  const until = text === undefined ? ({ kind: 'n' } as const) : readUntil(text);
  if (until !== null) return until;
  throw new UsageError({
    what: `--until '${text}' cannot be read`,
    why: 'draws end after all n, once a positive radius is decided, or within a tolerance between 0 and 100 %',
    remedy: 'Write --until n, --until "radius >= 0.5" or --until "tolerance 5%".',
  });
}

/** The radius to be decided, in input units; null where none is. */
export const radiusAsked = (text: string | undefined): number | null => {
  const until = untilOf(text);
  return until.kind === 'radius' ? until.radius : null;
};
