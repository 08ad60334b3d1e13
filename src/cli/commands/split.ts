/** `split`: writes the two halves of a network as models of their own, proven to compose. */

import { join } from 'node:path';
import { UsageError } from '../../ground/errors.ts';
import { visible } from '../../ground/visible.ts';
import { cutFor } from '../../methods/splitz/cut-for.ts';
import { prepareClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { saveModel } from '../../onnx/model/save.ts';
import { proveSplit, splitModel } from '../../onnx/split.ts';
import { sourceOf } from '../../runs/open-model.ts';
import type { SplitFlags } from '../declarations/split.ts';
import { modelStem } from '../default-names.ts';
import { inputShapeOption } from '../input-shape.ts';
import { makeFolder, refuseToOverwrite } from '../output-file.ts';

export async function run(flags: SplitFlags): Promise<void> {
  const source = await sourceOf(flags);
  const classifier = await prepareClassifier(source, flags.output, null, inputShapeOption(flags.inputShape));
  const cut = cutFor(classifier, flags.at);
  const stem = modelStem(flags.model);
  const left = join(flags.outDir, `${stem}.left.onnx`);
  const right = join(flags.outDir, `${stem}.right.onnx`);
  makeFolder(flags.outDir);
  for (const path of [left, right]) refuseToOverwrite(path, [flags.model], flags.force);
  const halves = splitModel(classifier.model, cut);
  if (halves.left === null) {
    throw new UsageError({
      what: "the cut 'input' has no left half",
      remedy: `Cut at one of ${classifier.cuts.cuts
        .slice(1)
        .map(({ name }) => name)
        .join(', ')}.`,
    });
  }
  const proof = await proveSplit(classifier.model, cut, halves);
  await saveModel(halves.left, left);
  await saveModel(halves.right, right);
  const result = {
    cut: cut.name,
    latentShape: cut.dims.slice(1),
    left,
    right,
    largestDifference: proof.largestDifference,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    process.stdout.write(`left   ${visible(left)}\nright  ${visible(right)}\n`);
    if (!flags.quiet) {
      process.stderr.write(
        `cut '${visible(cut.name)}' [${cut.dims.join(',')}]; right(left(x)) = model(x) on ${proof.rows} rows, largest relative difference ${proof.largestDifference.toExponential(1)}\n`,
      );
    }
  }
}
