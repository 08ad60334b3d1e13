/** `splitz-onnx/training`: what `train` is made of. Its types are those of TensorFlow.js, which compile with skipLibCheck only. */

export { buildDenoiser } from './architectures/denoisers.ts';
export { openTrainingBatches, type TrainingBatches } from './batches.ts';
export { type DenoisingParts, denoisingProgram } from './denoising-step.ts';
export type { Engine } from './engines/engine.ts';
export { openEngine } from './engines/select-engine.ts';
export {
  type DenoisingFeeds,
  denoisingFeeds,
  type MarginFeeds,
  marginFeeds,
  type SmoothingFeeds,
  smoothingFeeds,
} from './feeds.ts';
export { withIsometry } from './isometry.ts';
export { parseDenoisingLoss } from './losses/denoising.ts';
export { createLoss, type LossSettings, parseLoss } from './losses/index.ts';
export { type Network, trainableNetwork } from './network.ts';
export { createOptimizer, type OptimizerSettings } from './optimizers.ts';
export { clipLeftRelus, writeBack } from './parameters.ts';
export type { HostTensor, Program, StepFunction } from './program.ts';
export { type StepParts, splitzProgram } from './step.ts';
