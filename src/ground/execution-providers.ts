/** ONNX Runtime's execution providers in the words of its options. Without ONNX Runtime itself, which takes long to load. */
import type { InferenceSession } from 'onnxruntime-node';

/** As the options of a session say it: on which of its devices a provider runs. The processor has no number, and WebGPU takes none. */
export function executionProviders(
  provider: string,
  deviceId: number,
): InferenceSession.ExecutionProviderConfig[] {
  // What TensorRT does not take is CUDA's, not the processor's.
  if (provider === 'tensorrt')
    return [
      { name: 'tensorrt', deviceId },
      { name: 'cuda', deviceId },
    ];
  return provider === 'cuda' ? [{ name: 'cuda', deviceId }] : [provider];
}
