/** tfjs has one active backend per process; whoever computes sets its own first and leaves the former behind. */
import type { Tf } from '../../operators/training-form.ts';

/** Runs `compute` (synchronous) with the named backend active. */
export async function onBackend<T>(tf: Tf, name: string, compute: () => T): Promise<T> {
  const former = tf.getBackend();
  // Another engine may have its turn while we wait.
  while (tf.getBackend() !== name) await tf.setBackend(name);
  try {
    return compute();
  } finally {
    if (typeof former === 'string' && former !== name) await tf.setBackend(former);
  }
}
