/** `ensemble`: writes several networks as one whose scores are the mean of theirs, proven to compute that. */
import { UsageError } from '../../ground/errors.ts';
import { visible } from '../../ground/visible.ts';
import { ensembleFiles } from '../../runs/ensemble.ts';
import type { EnsembleFlags } from '../declarations/ensemble.ts';
import { inputShapeOption } from '../input-shape.ts';
import { refuseToOverwrite } from '../output-file.ts';
import { writeModelFile } from '../written-model.ts';

export async function run(flags: EnsembleFlags): Promise<void> {
  const { models, out, force, json, quiet } = flags;
  refuseToOverwrite(out, models, force);
  const weights = weightsOption(flags.weights);
  const ensemble = await ensembleFiles({
    ...flags,
    ...{ weights, inputShape: inputShapeOption(flags.inputShape) },
  });
  const { proto, shared, largestDifference } = ensemble;
  const sha256 = await writeModelFile(proto, out, 'Certify the networks one by one.');
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ out, sha256, weights: ensemble.weights, shared, largestDifference })}\n`,
    );
    return;
  }
  process.stdout.write(`${visible(out)}\n`);
  if (quiet) return;
  const common = shared === 0 ? '' : `, ${shared} nodes in common`;
  process.stderr.write(
    `the mean of ${models.length} networks${common}; the whole = its parts, largest relative difference ${largestDifference.toExponential(1)}\nsha256 ${sha256}\n`,
  );
}

function weightsOption(text: string | undefined): readonly number[] | undefined {
  const weights = text?.split(',').map(Number);
  if (weights === undefined || weights.every((weight) => weight > 0)) return weights;
  throw new UsageError({
    what: `--weights ${text} is not a list of positive numbers`,
    remedy: 'Write one number per network, as in --weights 2,1,1.',
  });
}
