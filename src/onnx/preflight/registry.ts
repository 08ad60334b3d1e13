/** All checks, and all findings of a file. A new check is one new file and one line here. */
import type { Check } from './check.ts';
import { controlFlow } from './checks/control-flow.ts';
import { customDomain } from './checks/custom-domain.ts';
import { deadNodes, unusedInputs } from './checks/dead-parts.ts';
import { externalData, unsafePath } from './checks/external-data.ts';
import { extremeWeights } from './checks/extreme-weights.ts';
import { fixedBatch } from './checks/fixed-batch.ts';
import { emailLeak, pathLeak, stackTraceLeak } from './checks/leaks.ts';
import { lowOrderBits } from './checks/low-order-bits.ts';
import { modified } from './checks/modified.ts';
import { nondeterminism } from './checks/nondeterminism.ts';
import { openShape } from './checks/open-shape.ts';
import { labelOnly, severalOutputs, softmaxAtEnd, structuredOutput } from './checks/outputs.ts';
import { overridableWeights } from './checks/overridable-weights.ts';
import { halfPrecision, quantised } from './checks/precision.ts';
import { atChance, otherPreparation } from './checks/preparation.ts';
import { preprocessingInside, scaleMismatch } from './checks/preprocessing.ts';
import { rewritten } from './checks/rewritten.ts';
import { tiedScores } from './checks/tied-scores.ts';
import { trainingMode } from './checks/training-mode.ts';
import { versions } from './checks/versions.ts';
import { denormalWeights, nonFiniteWeights } from './checks/weight-values.ts';
import { bySeverity, type Finding, findingOf, type Rule } from './finding.ts';
import { refused, rowCoupling } from './refusal.ts';
import type { Subject } from './subject.ts';

export const CHECKS: readonly Check[] = [
  trainingMode,
  nondeterminism,
  nonFiniteWeights,
  denormalWeights,
  unsafePath,
  externalData,
  overridableWeights,
  versions,
  customDomain,
  stackTraceLeak,
  pathLeak,
  emailLeak,
  controlFlow,
  structuredOutput,
  severalOutputs,
  labelOnly,
  softmaxAtEnd,
  quantised,
  halfPrecision,
  deadNodes,
  unusedInputs,
  fixedBatch,
  openShape,
  preprocessingInside,
  scaleMismatch,
  modified,
  lowOrderBits,
  extremeWeights,
];

/** Ids of checks that ask whether scores and preparation of pixels are those of a classifier. */
export const OF_CLASSIFIERS: readonly string[] = [
  structuredOutput,
  severalOutputs,
  labelOnly,
  softmaxAtEnd,
  preprocessingInside,
  scaleMismatch,
].map(({ id }) => id);

/** Every id with its meaning, in the order of ids. */
export const RULES: readonly Rule[] = [
  refused,
  rowCoupling,
  rewritten,
  otherPreparation,
  atChance,
  tiedScores,
  ...CHECKS,
].sort((a, b) => (a.id < b.id ? -1 : 1));

/** The findings of a file, errors first. */
export function findingsOf(subject: Subject): Finding[] {
  return bySeverity(
    CHECKS.flatMap((check) => check.run(subject).map((occurrence) => findingOf(check, occurrence))),
  );
}
