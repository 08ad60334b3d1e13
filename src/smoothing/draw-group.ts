/**
 * Images whose noise is shared, as they are drawn: what one of them asks for waits until all the others have asked as well, or
 * have left, and what is the same noise for several is drawn once. No count depends on who was waited for.
 */
import { noiseKey } from './count-on-workers.ts';
import type { DrawRequest, Sampler } from './sampler.ts';
import type { VoteCounts } from './votes/vote-counts.ts';

export interface DrawGroup {
  /** As `sampler.count`, for a member that is not waiting already. All members draw from the same sampler. */
  count(sampler: Sampler, request: DrawRequest): Promise<VoteCounts>;
  /** Of a member that asks for nothing more, however it ended. */
  leave(): void;
}

interface Waiting {
  readonly sampler: Sampler;
  readonly request: DrawRequest;
  resolve(votes: VoteCounts): void;
  reject(error: unknown): void;
}

/** @param members each leaves once */
export function drawGroup(members: number): DrawGroup {
  let present = members;
  let waiting: Waiting[] = [];

  function drawWhenAllHaveAsked(): void {
    if (waiting.length === 0 || waiting.length < present) return;
    const byNoise = new Map<string, Waiting[]>();
    for (const each of waiting) {
      const key = noiseKey(each.request);
      byNoise.set(key, [...(byNoise.get(key) ?? []), each]);
    }
    waiting = [];
    for (const together of byNoise.values()) void drawTogether(together);
  }

  return {
    count: (sampler, request) =>
      new Promise((resolve, reject) => {
        waiting.push({ sampler, request, resolve, reject });
        drawWhenAllHaveAsked();
      }),
    leave() {
      present--;
      drawWhenAllHaveAsked();
    },
  };
}

async function drawTogether(waiting: readonly Waiting[]): Promise<void> {
  try {
    const [first] = waiting;
    const votes = await first?.sampler.countTogether(waiting.map(({ request }) => request));
    for (const [k, { resolve }] of waiting.entries()) {
      const own = votes?.[k];
      if (own === undefined) throw new Error('one count per request');
      resolve(own);
    }
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}
