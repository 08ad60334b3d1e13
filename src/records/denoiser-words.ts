/** What a denoiser does in a run, for people. */
import type { RunHeader } from './record.ts';

type Denoiser = NonNullable<RunHeader['model']['denoiser']>;

const PREDICTED = { epsilon: 'the noise', sample: 'the image', v_prediction: 'v' } as const;

/** "dncnn.onnx in front of the network, behind the noise; trained for sigma 0.2 (its metadata), scaled to 0.25". */
export function denoiserInWords(denoiser: Denoiser): string {
  const { name, at } = denoiser;
  const place = at === null ? 'in front of the network' : `behind '${at}'`;
  return `${name} ${place}, behind the noise; ${usedAt(denoiser)}`;
}

function usedAt({ trained, range, scaling, diffusion }: Denoiser): string {
  if (diffusion !== null)
    return `step ${diffusion.timestep} of a diffusion model, which predicts ${PREDICTED[diffusion.prediction]}`;
  if (scaling === null || trained === null)
    return 'used as it is at any noise, as nothing says which it was trained for';
  const noise = range === undefined ? trained.value : range.join(' to ');
  const known = `trained for sigma ${noise} (${trained.origin === 'denoiser' ? 'its metadata' : trained.origin})`;
  return scaling.sigma === trained.value ? known : `${known}, scaled to ${scaling.sigma}`;
}
