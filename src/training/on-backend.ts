/** tfjs has one active backend per process: each computation sets its own first and restores the former one. */
import type { Tf } from '../operators/training/form.ts';

/**
 * Runs `compute` with the named backend active. The backend must be initialised or have a synchronous factory: then
 * setBackend takes effect at once (tfjs 4.22), and no other engine can intervene.
 */
export function onBackend<T>(tf: Tf, name: string, compute: () => T): T {
  const former = tf.getBackend();
  activate(tf, name);
  try {
    return compute();
  } finally {
    if (typeof former === 'string' && former !== name) activate(tf, former);
  }
}

function activate(tf: Tf, name: string): void {
  void tf.setBackend(name);
  if (tf.engine().backendName !== name || tf.engine().backend === null)
    throw new Error(`the TensorFlow.js backend '${name}' is not ready`);
}
