/**
 * What scikit-learn's exporter puts in front of a network: Scaler, (x - offset) scale, and Normalizer with the l2 norm, of the
 * domain ai.onnx.ml, in operators of the default domain. Normalizer with another norm stays as it is.
 */
import { floatsAttribute, type Node, stringAttribute } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { int, replaceNodes, type Writer } from './replace-nodes.ts';
import type { Rewrite } from './rewrite.ts';

export const restateFeatureScaling: Rewrite = {
  name: 'writing Scaler and Normalizer in standard operators',
  apply: (model: Model) => Promise.resolve(replaceNodes(model, restated)),
};

function restated(node: Node, write: Writer): string | null {
  const [x] = node.inputs;
  if (node.domain !== 'ai.onnx.ml' || !x) return null;
  if (node.opType === 'Scaler') {
    // On other ranks ONNX Runtime takes the features of axis 1 for cells in turn.
    const features = write.ofRank(x.name, 2);
    const [offset, scale] = ['offset', 'scale'].map((name) => floatsAttribute(node, name));
    if (!offset?.length || !scale?.length) return null;
    return write.node('Mul', [write.node('Sub', [features, write.floats(offset)]), write.floats(scale)]);
  }
  if (node.opType !== 'Normalizer' || stringAttribute(node, 'norm', 'MAX') !== 'L2') return null;
  return write.node('LpNormalization', [write.ofRank(x.name, 2)], [int('axis', -1), int('p', 2)]);
}
