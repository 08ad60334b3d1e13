/** Which cut `--split` means. */
import { ModelRefused } from '../../ground/errors.ts';
import { boundableOperators } from '../../lipschitz/boundable-operators.ts';
import { firstActivationCut } from '../../lipschitz/first-activation.ts';
import { type Cut, findCut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';

/** `first`, `input`, a name or an index. Throws UsageError or ModelRefused when there is no such cut. */
export function cutFor({ cuts, model }: PreparedClassifier, spec: string): Cut {
  const input = cuts.cuts[0];
  if (spec === 'input' && input !== undefined) return input;
  if (spec !== 'first') return findCut(cuts, spec);
  const first = firstActivationCut(cuts.cuts, model.graph);
  if (first !== null) return first;
  throw new ModelRefused({
    what: 'there is no cut after a first activation',
    where: model.path,
    why: 'the network has no activation behind a weighted layer that every path passes through',
    remedy: `Write --split input (plain smoothing), or choose a cut by name: ${cuts.cuts
      .filter((cut) => boundableOperators(cut, model.graph))
      .map((cut) => cut.name)
      .join(', ')}.`,
  });
}
