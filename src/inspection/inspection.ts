/**
 * Everything that can be found out about a model file without images: findings, cuts, bounds, norms. A refused file is inspected
 * as far as it opens; its refusal is one of the findings.
 */
import { basename } from 'node:path';
import { ModelRefused } from '../ground/errors.ts';
import { openRow } from '../onnx/intake/classifier.ts';
import { forceEval } from '../onnx/intake/force-eval.ts';
import { type PreparedClassifier, prepareClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Preprocessing } from '../onnx/intake/preprocessing.ts';
import { openModel } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import { withBatchMeasured } from '../onnx/preflight/checks/fixed-batch.ts';
import { withRewrites } from '../onnx/preflight/checks/rewritten.ts';
import { bySeverity, type Finding } from '../onnx/preflight/finding.ts';
import { refusalFinding } from '../onnx/preflight/refusal.ts';
import { findingsOf } from '../onnx/preflight/registry.ts';
import { subjectOf, subjectOfModel } from '../onnx/preflight/subject.ts';
import type { AccuracyAlone } from '../statistics/network-alone.ts';
import { boundability, type CutBoundability, type SegmentNorm } from './boundability.ts';
import type { LocalBound } from './local-bounds.ts';

export interface InspectionOptions {
  readonly output?: string | undefined;
  readonly inputShape?: readonly number[] | undefined;
  /** How images are handed to the model, where there are some: their shape is taken where the model leaves its own open. */
  readonly images?: ((model: Model) => Promise<Preprocessing>) | undefined;
  readonly forceEval?: boolean | undefined;
  /** Whether external data may be reached through symbolic links, to files beside the model file itself. */
  readonly followLinks?: boolean | undefined;
  /** What pixels are multiplied by according to the user; null when not given. */
  readonly scale?: number | null;
  /** Whether the user has pixels normalised in front of the model. */
  readonly normalised?: boolean;
  /** Time for left halves and norms. */
  readonly milliseconds: number;
}

export interface Inspection {
  /** The file's name, without its folder. */
  readonly name: string;
  /** Errors first. */
  readonly findings: readonly Finding[];
  /** Why the model cannot be certified; null when it can, at the input at least. */
  readonly refusal: ModelRefused | null;
  /** Null when the file is not a usable model. */
  readonly model: Model | null;
  /** Null when the model is refused. */
  readonly classifier: PreparedClassifier | null;
  readonly cuts: readonly CutBoundability[];
  readonly segments: readonly SegmentNorm[];
  /** Around one image, where there are some. */
  readonly local: readonly LocalBound[];
  /** What the network alone finds of a few labelled images; null without them. Not certified. */
  readonly alone: AccuracyAlone | null;
}

/** Throws UsageError for a path that leads to no file, or options that do not fit the model; never ModelRefused. */
export async function inspectModel(path: string, options: InspectionOptions): Promise<Inspection> {
  const name = basename(path);
  const opened = await openModel(path, { followLinks: options.followLinks });
  const scale = options.scale ?? null;
  if (opened.model === null) {
    const findings =
      opened.proto === null
        ? []
        : findingsOf({ ...subjectOf(name, opened.proto, opened.files, null), scale });
    return {
      ...{ name, model: null, classifier: null, cuts: [], segments: [], local: [], alone: null },
      ...{ refusal: opened.refusal, findings: withRefusal(findings, opened.refusal, name) },
    };
  }
  let model = opened.model;
  const stated = scale ?? statedScale(model);
  const { normalised = false } = options;
  try {
    if (options.forceEval === true) model = forceEval(model);
    const findings = findingsOf(subjectOfModel(model, name, { scale: stated, normalised }));
    const classifier = await prepareClassifier(model, options.output, null, await shapeOf(model, options));
    const bounds = boundability(classifier, options.milliseconds);
    const measured = withBatchMeasured(findings, classifier.whyNotBatchable, classifier.input.name);
    const told = withRewrites(measured, classifier.rewrites, name);
    return { name, model, classifier, findings: told, refusal: null, local: [], alone: null, ...bounds };
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    const findings = findingsOf(subjectOfModel(model, name, { scale: stated, normalised }));
    return {
      ...{ name, model, classifier: null, cuts: [], segments: [], local: [], alone: null },
      ...{ refusal: error, findings: withRefusal(findings, error, name) },
    };
  }
}

async function shapeOf(
  model: Model,
  { inputShape, images }: InspectionOptions,
): Promise<readonly number[] | undefined> {
  const [input] = model.graph.inputs;
  if (inputShape !== undefined || images === undefined || input === undefined) return inputShape;
  return openRow(model, input, await images(model));
}

/** The scale of pixels that the file itself states (metadata splitz.scale), which `certify` uses. */
function statedScale({ metadata }: Model): number | null {
  const value = Number(metadata.get('splitz.scale'));
  return value > 0 ? value : null;
}

const withRefusal = (findings: readonly Finding[], refusal: ModelRefused, name: string): Finding[] =>
  bySeverity([...findings, refusalFinding(refusal, name)]);
