/** The only path from a file to a classifier ready to be cut, for everything that opens models. */
import { forceEval } from '../onnx/intake/force-eval.ts';
import { type PreparedClassifier, prepareClassifier } from '../onnx/intake/prepare-classifier.ts';
import { loadModel } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import type { RunHeader, Sourced } from '../records/record.ts';
import {
  type IntakeRequest,
  type IntakeSettings,
  intakeSettings,
  preprocessingOf,
} from './intake-settings.ts';

export interface ModelRequest extends IntakeRequest {
  /** Path of the ONNX file. */
  readonly model: string;
  /** Digest that this file must have; one with another is not parsed. */
  readonly sha256?: string | undefined;
  /** The output with the class scores, where there are several. */
  readonly output?: string | undefined;
  /** Whether external data may be reached through symbolic links, to files beside the model file itself. */
  readonly followLinks?: boolean | undefined;
  /** Whether operators in training mode are switched to inference. */
  readonly forceEval?: boolean | undefined;
}

export interface OpenedModel {
  readonly classifier: PreparedClassifier;
  readonly intake: IntakeSettings;
}

/** The model as it is to be used. Throws as `loadModel` does. */
export async function sourceOf({
  model,
  sha256,
  followLinks = false,
  forceEval: force,
}: ModelRequest): Promise<Model> {
  const loaded = await loadModel(model, { sha256, followLinks });
  return force === true ? forceEval(loaded) : loaded;
}

/**
 * @param shape of an image, [C,H,W]
 * @param graph 'as delivered' for training, which writes to tensors of the file by name
 * @throws ModelRefused, UsageError as `prepareClassifier` does
 */
export async function openModel(
  source: Model,
  request: ModelRequest,
  shape: readonly number[],
  graph: 'simplified' | 'as delivered' = 'simplified',
): Promise<OpenedModel> {
  const intake = intakeSettings(request, source);
  const preprocessing = preprocessingOf(intake, shape);
  return {
    intake,
    classifier: await prepareClassifier(source, request.output, preprocessing, undefined, graph),
  };
}

/** Digest of the model file of a run, which another file is known by before it is parsed. */
export const recordedDigest = ({ files }: RunHeader['model']): string => files[0]?.sha256 ?? '';

/** A value that the model's metadata gave comes from there again: who gave it decides what preflight says of it. */
const asked = <T>({ value, origin }: Sourced<T>): T | undefined =>
  origin === 'model metadata' ? undefined : value;

/** How the model of a result file was opened. */
export function recordedModelRequest({ model, intake }: RunHeader): Omit<ModelRequest, 'model'> {
  return {
    sha256: recordedDigest(model),
    output: intake.output.value ?? undefined,
    forceEval: model.modified !== undefined,
    layout: asked(intake.layout),
    channels: asked(intake.channelOrder),
    scale: asked(intake.scale),
    mean: asked(intake.mean) ?? undefined,
    std: asked(intake.std) ?? undefined,
  };
}
