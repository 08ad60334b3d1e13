/** What every search for adversarial inputs of one image offers; `bracket.ts` turns what it finds into statements. */
import type { SEARCHES } from './attack-record.ts';
import type { AttackStart, Candidate, GradientAttack } from './gradient-attack.ts';
import { softMargin } from './soft-margin.ts';

/** An image and the class it is to leave. */
export interface Target {
  readonly image: Float32Array;
  readonly index: number;
  readonly from: number;
}

export interface Search {
  readonly kind: (typeof SEARCHES)[number];
  /** The most promising input found at a distance of at most `radius`. */
  worstInBall(target: Target, radius: number, signal: AbortSignal): Promise<Candidate>;
  /** Inputs near the boundary, the most promising first; none where the search found no other class at all. */
  nearest(target: Target, first: number, signal: AbortSignal): Promise<readonly Candidate[]>;
}

/**
 * By gradients: the first start aims at any other class, each further one at a class of its own, the likeliest first.
 * @param steps gradient evaluations per start and search
 */
export function gradientSearch(attack: GradientAttack, steps: number): Search {
  const startsOf = async ({ image, index, from }: Target): Promise<AttackStart[]> => {
    const toAnyClass: AttackStart = { image, index, start: 0, goal: { from, to: null } };
    const [soft = new Float64Array()] = await attack.look([toAnyClass]);
    const others = [...soft.keys()]
      .filter((c) => c !== from)
      .sort((a, b) => (soft[b] as number) - (soft[a] as number) || a - b);
    const further = Array.from({ length: attack.rows - 1 }, (_, k) => ({
      ...toAnyClass,
      start: k + 1,
      goal: { from, to: others[k % others.length] ?? null },
    }));
    return [toAnyClass, ...further];
  };
  return {
    kind: 'gradient',
    async worstInBall(target, radius, signal) {
      const starts = await startsOf(target);
      const found = await attack.worstInBall(
        starts,
        starts.map(() => radius),
        steps,
        signal,
      );
      return found.reduce((best, one) => (one.margin < best.margin ? one : best));
    },
    async nearest(target, first, signal) {
      const starts = await startsOf(target);
      const found = await attack.nearest(
        starts,
        starts.map(() => first),
        steps,
        signal,
      );
      return found.filter(({ distance }) => distance > 0).sort((a, b) => a.distance - b.distance);
    },
  };
}

/** The margin to any other class. */
export const marginFrom = (soft: Float64Array, from: number): number => softMargin(soft, { from, to: null });
