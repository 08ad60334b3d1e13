/**
 * What a certified radius looks like: one image, and the same image moved by the median radius, at random and by an attack.
 * Pictures for people, not statements: the search is short, and asks the network alone.
 */
import { boundaryWalk } from '../attack/boundary-walk.ts';
import { openNoisyScores } from '../attack/noisy-scores.ts';
import { inputAt } from '../attack/perturbation.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { inputCut } from '../methods/smoothing/open.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { AuditedRun } from '../report/audited-run.ts';
import type { PerturbedExample } from '../report/perturbed-example.ts';
import { thumbnail } from '../report/thumbnail.ts';
import { medianImage } from '../report/worked-example.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { gaussianProbe } from '../smoothing/noise/probe.ts';

/** Steps of the search, and images it may start from. */
const STEPS = 6;
const STRANGERS = 12;
/** Larger images are moved at random only: their networks take too long to search. */
const LARGEST = 2 ** 15;

/** Null where no image has a radius. The same run, model and data always give the same pictures. */
export async function perturbedExample(
  run: AuditedRun,
  classifier: PreparedClassifier,
  data: Dataset,
): Promise<PerturbedExample | null> {
  const image = medianImage(run);
  if (image === null || image.prediction === null) return null;
  const reach = { range: null, norm: run.series[0].norm };
  const { index, radius, prediction } = image;
  const pixels = await data.image(index);
  const drawn = (moved: Float32Array): Promise<string> => thumbnail(moved, data.shape);
  const direction = gaussianProbe(pixels.length, { seed: 0n, stage: Stage.attack, image: index, sample: 0 });
  const random = inputAt(pixels, direction, radius, reach);
  const scores = await openNoisyScores(classifier, inputCut(classifier), { draws: 0, sigma: 0, seed: 0n });
  try {
    const answerTo = async (input: Float32Array): Promise<number> => {
      const [soft = new Float64Array()] = await scores.soft([input], index);
      return soft.indexOf(Math.max(...soft));
    };
    const shown = async (input: Float32Array) => ({
      picture: await drawn(input),
      answer: await answerTo(input),
    });
    const adversarial =
      pixels.length > LARGEST
        ? null
        : (
            await boundaryWalk(scores, {
              ...{ steps: STEPS, seed: 0n, ...reach },
              others: await Promise.all(
                Array.from({ length: Math.min(STRANGERS, data.length) }, (_, k) => data.image(k)),
              ),
            }).worstInBall({ image: pixels, index, from: prediction }, radius, new AbortController().signal)
          ).input;
    return {
      ...{ index, radius, prediction },
      original: await shown(pixels),
      random: await shown(random),
      adversarial: adversarial === null ? null : await shown(adversarial),
    };
  } finally {
    await scores.close();
  }
}
