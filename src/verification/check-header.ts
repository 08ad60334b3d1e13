/** Whether a run's header can be true: whether its own fields agree with each other. */
import { methodOf } from '../methods/index.ts';
import type { RunHeader } from '../records/record.ts';
import { onNvidia } from '../smoothing/arithmetic.ts';
import { ofSeries } from './of-series.ts';

/** The first contradiction in a header, or null. */
export function headerFault(header: RunHeader): string | null {
  const { model, data, selection, dependence, precision, shareNoise, environments } = header;
  const { start, skip, heldOut, unreadable = [], shard } = selection;
  if (model.classes < 1) return `model.classes is ${model.classes}`;
  if (skip.value < 1) return `skip is ${skip.value}`;
  if (start.value >= data.length) return `start is ${start.value} of ${data.length} images`;
  const outside = heldOut.find((index) => index >= data.length);
  if (outside !== undefined) return `selection.heldOut has image ${outside} of ${data.length}`;
  const beyond = unreadable.find((index) => index >= data.length);
  if (beyond !== undefined) return `selection.unreadable has image ${beyond} of ${data.length}`;
  if (shard !== null && shard.index >= shard.of)
    return `selection.shard is part ${shard.index} of ${shard.of}, counted from 0`;
  if (dependence !== (shareNoise === undefined ? 'independent' : 'shared'))
    return `dependence is ${dependence}, and shareNoise ${shareNoise === undefined ? 'absent' : 'given'}`;
  if (shareNoise !== undefined && shareNoise.value < 2) return `shareNoise is ${shareNoise.value}`;
  if (environments.length === 0) return 'environments: is empty';
  const elsewhere = environments.findIndex(({ provider }) => !onNvidia(provider));
  if (precision !== undefined && elsewhere >= 0)
    return `precision is ${precision.value}, which environments[${elsewhere}] does not have: its provider is ${environments[elsewhere]?.provider}`;
  const idle = environments.findIndex(({ workers }) => workers < 1);
  if (idle >= 0) return `environments[${idle}] has ${environments[idle]?.workers} workers`;
  for (const [k, series] of header.series.entries()) {
    const denoising = denoisingFault(series.denoised, model.denoiser !== undefined, k === 0);
    if (denoising !== null) return ofSeries(header, k, denoising);
    const fault = methodOf(series).headerFault(series, header);
    if (fault !== null) return ofSeries(header, k, fault);
  }
  return null;
}

/** Whether a series says of the run's denoiser what it must. */
function denoisingFault(denoised: boolean | undefined, hasDenoiser: boolean, isOwn: boolean): string | null {
  if (denoised === undefined)
    return hasDenoiser ? 'it does not say whether the denoiser is part of it' : null;
  if (!hasDenoiser) return `denoised is ${denoised}, but the run has no denoiser`;
  return isOwn && !denoised
    ? 'denoised is false, but the first series is what the denoiser was run for'
    : null;
}
