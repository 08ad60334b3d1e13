/** A smoothed classifier for tests: cut anywhere, at any settings, its certificates flat. */
import type { LeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { Context } from '../../src/methods/context.ts';
import type { Subject } from '../../src/methods/method.ts';
import type { NoiseReady } from '../../src/methods/smoothing/certifier.ts';
import { openPlain } from '../../src/methods/smoothing/open.ts';
import { sigmaOf, type VoteSettings } from '../../src/methods/smoothing/settings.ts';
import type { DrawnVotes, VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { openSplit } from '../../src/methods/splitz/open.ts';
import type { SplitzChecks, SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import type { Cut } from '../../src/onnx/cuts.ts';
import type { PreparedClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { openContext } from '../../src/runs/context.ts';
import { drawGroup } from '../../src/smoothing/draw-group.ts';
import type { Stage } from '../../src/smoothing/noise/philox.ts';

export interface TestSettings extends VoteSettings {
  readonly sigma: number;
  readonly seed: bigint;
}

/** What an evidence of SPLITZ has and one of plain smoothing lacks is undefined. */
export interface FlatCertificate extends VoteEvidence, Partial<Omit<SplitzEvidence, keyof VoteEvidence>> {
  readonly prediction: number | null;
  readonly radius: number;
  readonly failureProbability: number;
}

export interface OpenedSmoothed {
  certify(
    image: Float32Array,
    index: number,
    settings: TestSettings,
    series?: number,
  ): Promise<FlatCertificate>;
  votes(
    image: Float32Array,
    index: number,
    draw: { readonly stage: Stage; readonly draws: number; readonly sigma: number; readonly seed: bigint },
  ): Promise<DrawnVotes>;
  /** What was measured when it was opened, in units of this noise. */
  checksAt(sigma: number): SplitzChecks;
  close(): Promise<void>;
}

export const openTestContext = (resources: { workers?: number; batch?: number } = {}): Context =>
  openContext({ workers: 1, batch: 64, ...resources });

/** A subject without data: methods ask for none once they are open. */
export const subjectOf = (classifier: PreparedClassifier): Subject => ({
  classifier,
  get data(): never {
    throw new Error('the test has no data');
  },
});

const ANY_VOTES = { n0: 1, n: 100, alpha: 0.001, bound: 'clopper-pearson' } as const;

/** @param left null for plain smoothing, whatever the cut */
export async function openSmoothed(
  classifier: PreparedClassifier,
  cut: Cut,
  left: LeftHalfBound | null,
  probes: readonly Float32Array[],
  resources: { workers?: number; batch?: number } = {},
): Promise<OpenedSmoothed> {
  const context = openTestContext(resources);
  const subject = subjectOf(classifier);
  let ready: NoiseReady<VoteEvidence>;
  try {
    ready = await (left === null
      ? openPlain(subject, probes, context)
      : openSplit(subject, cut, left, 1, probes, context));
  } catch (error) {
    await context.resources.close();
    throw error;
  }
  return {
    async certify(pixels, index, { seed, sigma, ...settings }, series = 0) {
      const smoothed = ready.at({ ...settings, sigma: sigmaOf(sigma) }, { seed, series });
      const { prediction, radius, failureProbability, evidence } = await smoothed.certifyOne(
        { index, pixels },
        context,
        drawGroup(1),
      );
      return { prediction, radius, failureProbability, ...evidence };
    },
    async votes(pixels, index, { sigma, ...draw }) {
      const smoothed = ready.at({ ...ANY_VOTES, sigma: sigmaOf(sigma) }, { seed: draw.seed, series: 0 });
      return smoothed.votes({ index, pixels }, { ...draw, sigma: sigmaOf(sigma) }, context.signal);
    },
    checksAt: (sigma) =>
      ready.at({ ...ANY_VOTES, sigma: sigmaOf(sigma) }, { seed: 0n, series: 0 }).checks as SplitzChecks,
    close: () => context.resources.close(),
  };
}
