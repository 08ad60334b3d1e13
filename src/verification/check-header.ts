/** Whether a run's header can be true: what its own fields say of each other. */

import { inSigmas, LARGEST_SHARE } from '../methods/left-half-check.ts';
import type { RunHeader } from '../records/record.ts';
import { NOISE_ID } from '../smoothing/noise/rounded-noise.ts';

/** The first contradiction in a header, or null. */
export function headerFault({
  settings,
  split,
  data,
  guarantee,
  environment,
  checks,
}: RunHeader): string | null {
  const { sigma, baselineSigma, n0, n, alpha, delta, lipschitz, skip, start } = settings;
  const plain = split.cut === 'input';
  const estimated = lipschitz.value === 'power' && !plain;
  if ((guarantee === 'certificate') === estimated)
    return `guarantee is "${guarantee}", but the left half was bounded by ${lipschitz.value}`;
  if (!(sigma.value > 0)) return `sigma is ${sigma.value}`;
  if (baselineSigma.value !== null && !(baselineSigma.value > 0))
    return `baselineSigma is ${baselineSigma.value}`;
  if (plain && baselineSigma.value !== null) return 'baselineSigma is given, but the cut is the input';
  if (n0.value < 1 || n.value < 1) return `n0 is ${n0.value} and n is ${n.value}`;
  if (!(alpha.value > 0 && alpha.value < 0.5)) return `alpha is ${alpha.value}`;
  if (!(delta.value < 0.5) || (plain && delta.value !== 0)) return `delta is ${delta.value}`;
  if (skip.value < 1) return `skip is ${skip.value}`;
  if (start.value >= data.length) return `start is ${start.value} of ${data.length} images`;
  if (plain && split.nodesLeft !== 0)
    return `split.nodesLeft is ${split.nodesLeft}, but the cut is the input`;
  if (plain && split.latentShape.join() !== data.shape.join())
    return `split.latentShape is [${split.latentShape}], but images are [${data.shape}]`;
  const outside = split.heldOut.find((index) => index >= data.length);
  if (outside !== undefined) return `split.heldOut has image ${outside} of ${data.length}`;
  if (environment.noise !== NOISE_ID)
    return `environment.noise is ${environment.noise}: certificates rest on ${NOISE_ID} alone`;
  const deployed = leftHalfFault(checks, sigma.value);
  if (deployed !== null) return deployed;
  return environment.workers < 1 || environment.batch < 1
    ? `environment has ${environment.workers} workers and batches of ${environment.batch}`
    : null;
}

/** What the run says of ONNX Runtime's left half. */
function leftHalfFault(
  { leftHalfNorm: norm, leftHalfSigmas: share }: RunHeader['checks'],
  sigma: number,
): string | null {
  if (share !== inSigmas({ norm }, sigma))
    return `checks.leftHalfSigmas is ${share}, but leftHalfNorm is ${norm} and sigma ${sigma}`;
  return share <= LARGEST_SHARE
    ? null
    : `checks.leftHalfSigmas is ${share}, above ${LARGEST_SHARE}: what is deployed is not what was certified`;
}
