/** BatchNormalization and Dropout left in training mode: the file is not a function of one image. */
import { trainingNodes } from '../../guards/determinism.ts';
import { describeNodeProto } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

export const trainingMode: Check = {
  id: 'SPLITZ002',
  name: 'training-mode',
  severity: 'error',
  title: 'BatchNormalization or Dropout is in training mode.',
  why: 'it normalises with the statistics of the batch, or drops values at random: the answer for an image is not fixed',
  remedy:
    'Call model.eval() before exporting. --force-eval switches these nodes to inference and reports in every result that the model was modified.',
  run({ proto }) {
    const names = [...trainingNodes(proto)].map(describeNodeProto);
    return names.length === 0
      ? []
      : [{ where: names[0] ?? '', what: `${listed(names, 'node')} in training mode` }];
  },
};
