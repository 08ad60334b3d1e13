/** `inspect`: what a file is, where it can be cut, which left halves have a bound (or why not), and how they stretch. */
import { basename } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { boundability } from '../../certificate/boundability.ts';
import { type PreparedClassifier, prepareClassifier } from '../../certificate/prepare-classifier.ts';
import { roundUp } from '../../certificate/rounding.ts';
import { describeType } from '../../onnx/graph.ts';
import { loadModel } from '../../onnx/load.ts';
import type { Model } from '../../onnx/model.ts';
import { inputShapeOption } from '../input-shape.ts';
import { modelArgument, outputOptions } from '../options.ts';
import { renderBars } from '../terminal/bars.ts';
import { type Style, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';
import { printable } from '../terminal/width.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(modelArgument(y))
    .option('input-shape', {
      type: 'string',
      describe: 'shape of one image where the model leaves it open, e.g. 3,32,32',
    })
    .option('seconds', { type: 'number', default: 3, describe: 'time to spend on operator norms' })
    .example('$0 inspect net.onnx', 'cuts, bounds and norms of a network');

type Flags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { model: string };

export const inspect: CommandModule<object, Flags> = {
  command: 'inspect <model>',
  describe: 'the cuts of a model, which of them can be bounded (or why not), and its operator norms',
  builder: (y) => builder(y) as unknown as Argv<Flags>,
  handler: (flags) => run(flags),
};

async function run(flags: Flags): Promise<void> {
  const source = await loadModel(flags.model);
  const screen = screenOf(process.stdout, process.env);
  if (!flags.json) process.stdout.write(describeModel(source, screen.style));
  const classifier = await prepareClassifier(source, flags.output, null, inputShapeOption(flags.inputShape));
  const { cuts, segments } = boundability(classifier, flags.seconds * 1000);

  if (flags.json) {
    const listed = cuts.map(({ cut, why, latentLipschitz }) => ({
      index: cut.index,
      name: cut.name,
      tensor: cut.value.name,
      shape: cut.dims.slice(1),
      nodesLeft: cut.nodesLeft,
      nodesRight: cut.nodesRight,
      parametersLeft: cut.parametersLeft,
      parametersRight: cut.parametersRight,
      boundable: why === null,
      why,
      lipschitz: latentLipschitz,
    }));
    process.stdout.write(`${JSON.stringify({ model: facts(source, classifier), cuts: listed, segments })}\n`);
    return;
  }
  process.stdout.write(
    `classes  ${classifier.classes}; rows ${classifier.whyNotBatchable === null ? 'independent, any batch size' : `run one at a time: ${classifier.whyNotBatchable}`}\n\n`,
  );
  process.stdout.write(
    renderTable(
      [
        { header: '#', align: 'right' },
        { header: 'cut' },
        { header: 'latent' },
        { header: 'nodes l/r', align: 'right' },
        { header: 'parameters l/r', align: 'right' },
        { header: 'bound of the left half' },
      ],
      cuts.map(({ cut, why, latentLipschitz }) => [
        String(cut.index),
        printable(cut.name),
        cut.dims.slice(1).join('×'),
        `${cut.nodesLeft}/${cut.nodesRight}`,
        `${cut.parametersLeft}/${cut.parametersRight}`,
        why !== null
          ? screen.style.yellow(`none: ${printable(why)}`)
          : latentLipschitz === null
            ? 'yes (not measured in the time given)'
            : `yes, at most ${roundUp(latentLipschitz, 3)}-Lipschitz`,
      ]),
      screen.style,
    ),
  );
  for (const { name, reason } of classifier.cuts.ineligible)
    process.stdout.write(`no cut at '${printable(name)}': ${printable(reason)}\n`);
  if (segments.length > 0) {
    process.stdout.write(`\n${screen.style.bold('norm of each affine segment (upper bound)')}\n`);
    process.stdout.write(
      renderBars(
        segments.map(({ name, norm }) => ({ label: name, value: norm, text: roundUp(norm, 3) })),
        screen,
      ),
    );
  }
}

function facts(source: Model, classifier: PreparedClassifier) {
  return {
    name: basename(source.path),
    files: source.files,
    irVersion: source.irVersion,
    opsets: Object.fromEntries([...source.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    producer: source.producer,
    metadata: Object.fromEntries(source.metadata),
    classes: classifier.classes,
    batchable: classifier.batchable,
    whyNotBatchable: classifier.whyNotBatchable,
  };
}

function describeModel(source: Model, style: Style): string {
  const opsets = [...source.opsets]
    .map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`)
    .join(', ');
  const value = (v: Model['graph']['inputs'][number]): string =>
    printable(`${v.name} ${describeType(v.declaredType, v.declaredShape)}`);
  const lines = [
    `${style.bold(basename(source.path))}  IR ${source.irVersion}, opset ${opsets}${source.producer ? `, ${printable(source.producer)}` : ''}`,
    ...source.files.map(
      (file) => `file     ${printable(file.name)}  ${file.bytes} bytes  sha256 ${file.sha256}`,
    ),
    `input    ${source.graph.inputs.map(value).join('; ')}`,
    `output   ${source.graph.outputs.map(value).join('; ')}`,
    ...[...source.metadata].map(([key, text]) => `meta     ${printable(`${key} = ${text}`)}`),
  ];
  return `${lines.join('\n')}\n`;
}
