/** How logits become scores in [0,1] (`smoothing/scores/score-map.ts`); votes give the largest logit 1 and all others 0. */
export const SCORE_MAP_NAMES = ['softmax', 'sparsemax', 'votes'] as const;

export type ScoreMapName = (typeof SCORE_MAP_NAMES)[number];
