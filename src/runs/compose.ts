/** A denoiser and a network as one file, which takes pixels in [0,1] and can be deployed as it was certified. */
import { basename } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import type { Conditioning } from '../onnx/compose/conditioning.ts';
import { repeatsGrey } from '../onnx/intake/pixel-layout.ts';
import { loadModel } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import { edited, type ModelProto } from '../onnx/model/proto.ts';
import { PREPARATION, rowOf, statedImageShape } from './composed-metadata.ts';
import { type IntakeSettings, intakeSettings } from './intake-settings.ts';
import { type DenoisedNetwork, type DenoiserRequest, openDenoised } from './open-denoiser.ts';
import { type ModelRequest, openModel, sourceOf } from './open-model.ts';
import { packageVersion } from './version.ts';

export interface ComposeRequest extends ModelRequest, DenoiserRequest {
  readonly denoiser: string;
  /** Channels, height, width of an image, where neither file fixes them. */
  readonly inputShape?: readonly number[] | undefined;
}

export interface ComposedFile {
  readonly proto: ModelProto;
  /** Name of the cut, in the composed model, that noise is added at. */
  readonly split: string;
  readonly conditioning: Conditioning;
  readonly largestDifference: number;
}

/** @throws UsageError, ModelRefused for files that cannot be composed */
export async function composeFiles(request: ComposeRequest): Promise<ComposedFile> {
  const source = await sourceOf(request);
  const shape = await imageShape(request, source);
  const { classifier: network, intake } = await openModel(source, request, shape);
  const denoised = await openDenoised(request, network);
  if (denoised === null) throw new Error('a denoiser was asked for');
  const { denoiser, largestDifference } = denoised;
  return {
    proto: described(denoised, source, intake),
    split: String(denoiser.asked['split']?.value),
    conditioning: denoiser.conditioning,
    largestDifference,
  };
}

/** The composed model with what a later run needs to know: where noise is added, how much, and what it was made of. */
function described(
  { whole, classifier, denoiser }: DenoisedNetwork,
  source: Model,
  { channelOrder }: IntakeSettings,
): ModelProto {
  const kept = [...classifier.source.metadata].filter(([key]) => !PREPARATION.includes(key));
  const digest = ({ path, files }: Model): string => `${basename(path)} sha256 ${files[0]?.sha256 ?? ''}`;
  const metadata = new Map([
    ...kept,
    ...(denoiser.sigma === null ? [] : [['splitz.sigma', String(denoiser.sigma)] as const]),
    ...(repeatsGrey(channelOrder.value) ? [['splitz.channels', 'grey-to-rgb'] as const] : []),
    ['splitz.network', digest(source)],
    ['splitz.denoiser', digest(denoiser.source)],
  ]);
  return edited(whole.proto, {
    producerName: 'splitz-onnx',
    producerVersion: packageVersion(),
    metadataProps: [...metadata].map(([key, value]) => ({ key, value })),
  });
}

/** [C,H,W]: as asked for, else as a denoiser of images or the network declares it. */
async function imageShape(request: ComposeRequest, source: Model): Promise<readonly number[]> {
  const { inputShape, settings, followLinks = false } = request;
  if (inputShape !== undefined) return inputShape;
  const denoiser = await loadModel(request.denoiser, { followLinks });
  const split = settings?.['split'] ?? denoiser.metadata.get('splitz.split') ?? 'input';
  const candidates = [
    ...(split === 'input' ? [rowOf(denoiser)] : []),
    statedImageShape(source, intakeSettings(request, source)),
  ];
  const known = candidates.find((row) => row?.length === 3);
  if (known !== undefined && known !== null) return known;
  throw new UsageError({
    what: 'neither the denoiser nor the network states the shape of an image',
    where: `${request.denoiser}, ${request.model}`,
    remedy: 'Give it, channels first, as in --input-shape 3,32,32.',
  });
}
