/** Sessions of ONNX Runtime whose answers depend on the model alone, as far as its options allow. */
import { InferenceSession } from 'onnxruntime-node';
import { executionProviders } from './execution-providers.ts';

/**
 * On x64 processors without VNNI instructions ONNX Runtime multiplies uint8 by int8 with sums that saturate at 16 bits:
 * another network than the file's. This asks for kernels that do not.
 */
const EXACT_INTEGER_SUMS = { session: { x64quantprecision: '1' } };

/**
 * Opens `model`: one thread, at optimisation level 'all', at which a row's logits are bit-identical for every batch size
 * (at lower levels they are not). A few quantised files have no kernel without saturation (QGemm with signed weights,
 * DynamicQuantizeLSTM); these run as the processor does. Throws ONNX Runtime's error.
 */
export async function createSession(
  model: Uint8Array,
  provider: string,
  logSeverityLevel: 3 | 4,
  device = 0,
): Promise<InferenceSession> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: executionProviders(provider, device),
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel,
  };
  // What cannot be opened at all fails again, with its own reason.
  return InferenceSession.create(model, { ...options, extra: EXACT_INTEGER_SUMS }).catch(() =>
    InferenceSession.create(model, options),
  );
}
