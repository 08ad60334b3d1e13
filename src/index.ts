/** The library: what the command line is made of, for programs of your own; what `train` is made of is in training/index.ts. */

export { type BoundaryWalkSettings, boundaryWalk } from './attack/boundary-walk.ts';
export { type Bracket, bracket, refutation, type Tried } from './attack/bracket.ts';
export { certifiedJudge, type Judge, plainJudge } from './attack/confirmation.ts';
export type { Candidate, GradientAttack } from './attack/gradient-attack.ts';
export { type NoisyScores, type OpenedNoisyScores, openNoisyScores } from './attack/noisy-scores.ts';
export {
  type GradientAttackOptions,
  type OpenedGradientAttack,
  openGradientAttack,
} from './attack/open-gradient-attack.ts';
export { distanceUp, type PixelRange, type Reach } from './attack/perturbation.ts';
export { gradientSearch, type Search, type Target } from './attack/search.ts';
export { mlBom } from './attestation/cyclonedx.ts';
export { generateKey, readPrivateKey, readPublicKey } from './attestation/keys.ts';
export { readAttestedRun } from './attestation/run-digest.ts';
export { signedStatement, verifySignedStatement } from './attestation/signed-statement.ts';
export type { Statement } from './attestation/statement.ts';
export type { Dataset } from './datasets/dataset.ts';
export { openDataset } from './datasets/open-dataset.ts';
export { DoesNotHold, ModelRefused, SplitzError, ToolError, UsageError } from './ground/errors.ts';
export { type Inspection, type InspectionOptions, inspectModel } from './inspection/inspection.ts';
export { compileLeftHalf } from './lipschitz/compile-left-half.ts';
export { displacement } from './lipschitz/displacement.ts';
export type { DisplacementBound } from './lipschitz/displacement-bounds.ts';
export { evaluateLeftHalf } from './lipschitz/evaluate-left-half.ts';
export { firstActivationCut } from './lipschitz/first-activation.ts';
export { createLeftHalfBound, type InputRadius, type LeftHalfBound } from './lipschitz/input-radius.ts';
export type { LeftHalf } from './lipschitz/left-half.ts';
export { createSpectralNorm, type SpectralNorm } from './lipschitz/spectral-norm.ts';
export type { Context, Message } from './methods/context.ts';
export { type Derivation, derivationOf } from './methods/derivation.ts';
export { METHODS, methodNamed, registerMethod } from './methods/index.ts';
export {
  type Answer,
  type Asked,
  type Certificate,
  type Certifier,
  defineMethod,
  type Image,
  type Method,
  type Question,
  type Subject,
  valuesOf,
} from './methods/method.ts';
export { openResultFile, outcomeOf, readRun } from './methods/result-files.ts';
export { type PredictedClass, predictedClass } from './methods/smoothing/prediction.ts';
export { leftHalfBoundAt } from './methods/splitz/left-half.ts';
export { type Cut, type CutList, findCut, listCuts } from './onnx/cuts.ts';
export { type PreparedClassifier, prepareClassifier } from './onnx/intake/prepare-classifier.ts';
export { loadModel } from './onnx/model/load.ts';
export type { Model } from './onnx/model/model.ts';
export type { Finding, Severity } from './onnx/preflight/finding.ts';
export { findingsOf, RULES } from './onnx/preflight/registry.ts';
export { proveSplit, splitModel } from './onnx/split.ts';
export { supportedTypes } from './operators/supported-types.ts';
export type { Run } from './records/read-results.ts';
export type {
  CertificateRecord,
  Outcome,
  RunEnd,
  RunHeader,
  SeriesCertificate,
  SeriesHeader,
} from './records/record.ts';
export type { ResultFile } from './records/result-file.ts';
export {
  type AttackedImage,
  type AttackRequest,
  type OpenedAttack,
  openAttack,
} from './runs/attack/attack.ts';
export {
  type AttackTarget,
  targetOfModel,
  targetOfNetwork,
  targetOfRun,
} from './runs/attack/target.ts';
export { type CertifyRequest, certify, openRun, settleRun } from './runs/certify.ts';
export { openContext } from './runs/context.ts';
export { type OpenedSubject, openSubject, type SubjectRequest } from './runs/open-subject.ts';
export { type Planned, type PlanRequest, plan } from './runs/plan/plan.ts';
export { type Predictions, type PredictRequest, predict } from './runs/predict.ts';
export { type Replay, type Replayed, replay } from './runs/replay.ts';
export { type Verification, type VerifyRequest, verify } from './runs/verify.ts';
export { drawnSeed } from './smoothing/noise/drawn-seed.ts';
export { totalVariation } from './smoothing/noise/noise-error.ts';
export { gaussianNoise, Stage } from './smoothing/noise/philox.ts';
export { gridOf, roundedNoise } from './smoothing/noise/rounded-noise.ts';
export type { Sampler } from './smoothing/sampler.ts';
export { createSampler } from './smoothing/sampler-pool.ts';
export { anytimeLower } from './smoothing/votes/betting.ts';
export {
  clopperPearsonInterval,
  clopperPearsonLower,
  clopperPearsonUpper,
} from './smoothing/votes/clopper-pearson.ts';
export { VOTE_BOUNDS } from './smoothing/votes/index.ts';
export { type LatentCertificate, latentRadius } from './smoothing/votes/latent-radius.ts';
export type { VoteBound } from './smoothing/votes/vote-bound.ts';
export type { VoteCounts } from './smoothing/votes/vote-counts.ts';
export { type Comparison, compareRuns } from './statistics/comparison.ts';
export { type Judgement, judge, parseRequirements, type Requirement } from './statistics/policy.ts';
export { type RunSummary, summarise } from './statistics/summary.ts';
export {
  type Fault,
  type FileVerification,
  type PlacedRecord,
  verifyFile,
} from './verification/verify-file.ts';
