/** Several networks as one file whose scores are the mean of theirs: what is certified is then one network, and deployed as one. */
import { basename } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { ensembleOf } from '../onnx/compose/ensemble.ts';
import { repeatsGrey } from '../onnx/intake/pixel-layout.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Model } from '../onnx/model/model.ts';
import { edited, type ModelProto } from '../onnx/model/proto.ts';
import { PREPARATION, statedImageShape } from './composed-metadata.ts';
import { type IntakeRequest, intakeSettings } from './intake-settings.ts';
import { type ModelRequest, openModel, sourceOf } from './open-model.ts';
import { packageVersion } from './version.ts';

export interface EnsembleRequest extends IntakeRequest, Omit<ModelRequest, 'model' | 'sha256'> {
  /** Paths of two ONNX files or more. */
  readonly models: readonly string[];
  /** Positive, one per model; they are divided by their sum. Equal ones unless given. */
  readonly weights?: readonly number[] | undefined;
  /** Channels, height, width of an image, where the first file does not fix them. */
  readonly inputShape?: readonly number[] | undefined;
}

export interface EnsembleFile {
  readonly proto: ModelProto;
  /** As used: with the sum 1. */
  readonly weights: readonly number[];
  /** Nodes that the further networks share with the first. */
  readonly shared: number;
  readonly largestDifference: number;
}

/** @throws UsageError, ModelRefused for files that make no ensemble */
export async function ensembleFiles(request: EnsembleRequest): Promise<EnsembleFile> {
  const { models } = request;
  if (models.length < 2)
    throw new UsageError({
      what: 'an ensemble has two networks or more',
      where: models.join(', '),
      remedy: 'Name several ONNX files.',
    });
  const weights = normalised(models, request.weights);
  const sources: Model[] = [];
  for (const model of models) sources.push(await sourceOf({ ...request, model }));
  const [first] = sources as [Model];
  const shape = request.inputShape ?? statedImageShape(first, intakeSettings(request, first));
  if (shape === null)
    throw new UsageError({
      what: 'the first network does not state the shape of an image',
      where: first.path,
      remedy: 'Give it, channels first, as in --input-shape 3,32,32.',
    });
  const members: PreparedClassifier[] = [];
  const grey = new Set<boolean>();
  for (const [k, source] of sources.entries()) {
    const { classifier, intake } = await openModel(source, { ...request, model: models[k] ?? '' }, shape);
    members.push(classifier);
    grey.add(repeatsGrey(intake.channelOrder.value));
  }
  if (grey.size > 1)
    throw new UsageError({
      what: 'one network takes grey images as colour ones, another does not',
      where: models.join(', '),
      remedy: 'Give --channels for all of them.',
    });
  const { model, shared, largestDifference } = await ensembleOf(members, weights);
  return { proto: described(model, sources, weights, grey.has(true)), weights, shared, largestDifference };
}

function normalised(models: readonly string[], given?: readonly number[]): readonly number[] {
  const weights = given ?? models.map(() => 1);
  const sum = weights.reduce((a, b) => a + b, 0);
  if (weights.length === models.length && weights.every((w) => w > 0) && Number.isFinite(sum))
    return weights.map((w) => w / sum);
  throw new UsageError({
    what: `--weights ${weights.join(',')} does not give a positive number for each of ${models.length} networks`,
    remedy: `Write as many numbers as networks, as in --weights ${models.map((_, k) => k + 1).join(',')}.`,
  });
}

/** The model with the metadata that all members agree on, and what it was made of. */
function described(
  { proto }: Model,
  sources: readonly Model[],
  weights: readonly number[],
  grey: boolean,
): ModelProto {
  const [first, ...others] = sources as [Model, ...Model[]];
  const agreed = [...first.metadata].filter(
    ([key, value]) =>
      !PREPARATION.includes(key) && others.every(({ metadata }) => metadata.get(key) === value),
  );
  const members = sources.map(({ path, files }, k) => ({
    ...{ name: basename(path), sha256: files[0]?.sha256 ?? '', weight: weights[k] },
  }));
  const metadata = new Map([
    ...agreed,
    ...(grey ? [['splitz.channels', 'grey-to-rgb'] as const] : []),
    ['splitz.ensemble', JSON.stringify(members)],
  ]);
  return edited(proto, {
    producerName: 'splitz-onnx',
    producerVersion: packageVersion(),
    metadataProps: [...metadata].map(([key, value]) => ({ key, value })),
  });
}
