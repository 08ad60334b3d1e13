/** `split`: writes the two halves of a network as models of their own, proven to compose. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { UsageError } from '../../ground/errors.ts';
import { forceEval } from '../../onnx/intake/force-eval.ts';
import { prepareClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { loadModel } from '../../onnx/model/load.ts';
import { saveModel } from '../../onnx/model/save.ts';
import { proveSplit, splitModel } from '../../onnx/split.ts';
import { cutFor } from '../../runs/choose-cut.ts';
import { briefHelp } from '../brief-help.ts';
import { inputShapeOption } from '../input-shape.ts';
import { forceEvalOption, modelArgument, outputOptions } from '../options.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(forceEvalOption(modelArgument(y)))
    .option('at', {
      type: 'string',
      default: 'first',
      describe: 'cut name or index; first = after the first activation',
    })
    .option('input-shape', {
      type: 'string',
      describe: 'shape of one image where the model leaves it open, e.g. 3,32,32',
    })
    .option('out-dir', {
      type: 'string',
      default: '.',
      describe: 'folder for MODEL.left.onnx and MODEL.right.onnx',
    })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite existing files' })
    .example(
      '$0 split net.onnx --at first --out-dir halves',
      'writes halves/net.left.onnx and halves/net.right.onnx',
    );

type Flags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { model: string };

export const split: CommandModule<object, Flags> = {
  command: 'split <model>',
  describe: 'write left.onnx and right.onnx, proven to compose',
  builder: briefHelp(builder, ['at', 'out-dir', 'force']),
  handler: (flags) => run(flags),
};

async function run(flags: Flags): Promise<void> {
  const loaded = await loadModel(flags.model);
  const source = flags.forceEval ? forceEval(loaded) : loaded;
  const classifier = await prepareClassifier(source, flags.output, null, inputShapeOption(flags.inputShape));
  const cut = cutFor(classifier, flags.at);
  const halves = splitModel(classifier.model, cut);
  if (halves.left === null) {
    throw new UsageError({
      what: "nothing is left of the cut 'input'",
      remedy: `Cut at one of ${classifier.cuts.cuts
        .slice(1)
        .map(({ name }) => name)
        .join(', ')}.`,
    });
  }
  const proof = await proveSplit(classifier.model, cut, halves);
  const stem = basename(flags.model).replace(/\.onnx$/i, '');
  const left = join(flags.outDir, `${stem}.left.onnx`);
  const right = join(flags.outDir, `${stem}.right.onnx`);
  for (const path of [left, right]) {
    if (flags.force || !existsSync(path)) continue;
    throw new UsageError({
      what: `${path} exists already`,
      remedy: 'Add --force to overwrite it, or choose another --out-dir.',
    });
  }
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
    process.stdout.write(`left   ${left}\nright  ${right}\n`);
    if (!flags.quiet) {
      process.stderr.write(
        `cut '${cut.name}' [${cut.dims.join(',')}]; right(left(x)) = model(x) on ${proof.rows} rows, largest relative difference ${proof.largestDifference.toExponential(1)}\n`,
      );
    }
  }
}
