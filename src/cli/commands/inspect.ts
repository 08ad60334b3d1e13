/**
 * `inspect`: what a file is, what to know about it (findings), where it can be cut, which left halves have a bound (or
 * why not), and how they stretch. For a refused model it prints all that could be found out and ends with exit code 3.
 */
import { basename } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { openDataset } from '../../datasets/open-dataset.ts';
import { firstReadable } from '../../datasets/readable-images.ts';
import { roundUp } from '../../ground/decimal.ts';
import { visible } from '../../ground/visible.ts';
import { isBoundable } from '../../inspection/boundability.ts';
import { type Inspection, inspectModel } from '../../inspection/inspection.ts';
import { LOCAL_RADIUS, type LocalBound, localBounds } from '../../inspection/local-bounds.ts';
import { describeType } from '../../onnx/model/graph.ts';
import type { Model } from '../../onnx/model/model.ts';
import { bySeverity } from '../../onnx/preflight/finding.ts';
import { inspectionDocument } from '../../report/findings/document.ts';
import { boundInWords, inspectionMarkdown, localInWords } from '../../report/findings/markdown.ts';
import { sarifOf } from '../../report/findings/sarif.ts';
import { intakeSettings, preprocessingOf } from '../../runs/intake-settings.ts';
import { openModel } from '../../runs/open-model.ts';
import { datasetOptions } from '../../runs/open-subject.ts';
import { checkPreparation } from '../../runs/preparation/preparation-check.ts';
import { packageVersion } from '../../runs/version.ts';
import { aloneInWords } from '../../statistics/network-alone.ts';
import { dataNotes } from '../data-notes.ts';
import type { InspectFlags } from '../declarations/inspect.ts';
import { inputShapeOption } from '../input-shape.ts';
import { renderBars } from '../terminal/bars.ts';
import { renderFindings } from '../terminal/findings.ts';
import { type Screen, type Style, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export async function run(flags: InspectFlags): Promise<void> {
  const data = dataOf(flags);
  const inspection = await inspectModel(flags.model, {
    output: flags.output,
    inputShape: inputShapeOption(flags.inputShape),
    images:
      data === null
        ? undefined
        : async (model) => preprocessingOf(intakeSettings(flags, model), (await data(model)).shape),
    forceEval: flags.forceEval,
    followLinks: flags.followLinks,
    scale: flags.scale ?? null,
    normalised: flags.mean !== undefined || flags.std !== undefined,
    milliseconds: flags.seconds * 1000,
  });
  process.stdout.write(rendered(await withDataLookedAt(inspection, flags, data), flags));
  if (inspection.refusal !== null) throw inspection.refusal;
}

/** Opens the data set of --data, once, when it is needed; null without --data. */
function dataOf(flags: InspectFlags): ((model: Model) => Promise<Dataset>) | null {
  const { data, subset } = flags;
  if (data === undefined) return null;
  let opened: Promise<Dataset> | null = null;
  return (model) => {
    opened ??= openDataset(data, datasetOptions(flags, model, subset)).then((set) => {
      if (!flags.quiet) for (const text of dataNotes(set)) process.stderr.write(`${text}\n`);
      return set;
    });
    return opened;
  };
}

/** With --data: also what the network alone finds of some labels, and whether it finds more with its pixels prepared another way. */
async function withDataLookedAt(
  inspection: Inspection,
  flags: InspectFlags,
  dataOf: ((model: Model) => Promise<Dataset>) | null,
): Promise<Inspection> {
  const { model, refusal, findings } = inspection;
  if (dataOf === null || model === null || refusal !== null) return inspection;
  const data = await dataOf(model);
  const { classifier, intake } = await openModel(model, flags, data.shape);
  const { alone, finding, ties } = await checkPreparation(classifier, data, intake, (text) => {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  });
  const seen = [finding, ties].filter((one) => one !== null);
  const boundable = new Set(inspection.cuts.filter(isBoundable).map(({ cut }) => cut.value.name));
  const [first] = await firstReadable(data, 1);
  const behind = classifier.cuts.cuts.filter(({ index, value }) => index > 0 && boundable.has(value.name));
  const local =
    first === undefined ? [] : localBounds(classifier, behind, first.pixels, flags.seconds * 1000);
  return { ...inspection, alone, local, findings: bySeverity([...findings, ...seen]) };
}

function rendered(inspection: Inspection, flags: InspectFlags): string {
  switch (flags.format ?? (flags.json ? 'json' : 'table')) {
    case 'json':
      return `${JSON.stringify(inspectionDocument(inspection))}\n`;
    case 'sarif':
      return `${JSON.stringify(sarifOf(inspection.findings, flags.model, packageVersion()), null, 2)}\n`;
    case 'markdown':
      return inspectionMarkdown(inspection);
    case 'table':
      return asTable(inspection, screenOf(process.stdout, process.env));
  }
}

function asTable(inspection: Inspection, screen: Screen): string {
  const { model, classifier, findings, alone, cuts, segments, local } = inspection;
  const parts = [
    ...(model === null ? [] : [describeModel(model, screen.style)]),
    ...(classifier === null
      ? []
      : [
          `classes  ${classifier.classes}; rows ${classifier.whyNotBatchable === null ? 'independent, any batch size' : `run one at a time: ${visible(classifier.whyNotBatchable)}`}\n`,
        ]),
    ...(alone === null ? [] : [`alone    ${aloneInWords(alone)}\n`]),
    renderFindings(findings, screen),
  ];
  if (classifier === null) return parts.join('');
  parts.push(
    '\n',
    renderTable(
      [
        { header: '#', align: 'right' },
        { header: 'cut' },
        { header: 'latent' },
        { header: 'nodes l/r', align: 'right' },
        { header: 'parameters l/r', align: 'right' },
        { header: 'bound of the left half' },
      ],
      cuts.map((one) => {
        const { cut, why } = one;
        const bound = visible(boundInWords(one));
        return [
          String(cut.index),
          visible(cut.name),
          cut.dims.slice(1).join('×'),
          `${cut.nodesLeft}/${cut.nodesRight}`,
          `${cut.parametersLeft}/${cut.parametersRight}`,
          why === null ? bound : screen.style.yellow(bound),
        ];
      }),
      screen.style,
    ),
    ...classifier.cuts.ineligible.map(
      ({ name, reason }) => `no cut at '${visible(name)}': ${visible(reason)}\n`,
    ),
  );
  if (local.length > 0) parts.push(localTable(local, screen.style));
  if (segments.length > 0) {
    const bars = segments.map(({ name, norm }) => ({ label: name, value: norm, text: roundUp(norm, 3) }));
    parts.push(
      `\n${screen.style.bold('norm of each affine segment (upper bound)')}\n`,
      renderBars(bars, screen),
    );
  }
  return parts.join('');
}

const localTable = (local: readonly LocalBound[], style: Style): string =>
  `\n${style.bold(`around the first image of the data: D(r)/r at r = ${LOCAL_RADIUS} (upper bound)`)}\n${renderTable(
    [
      { header: 'cut' },
      { header: '--lipschitz secant', align: 'right' },
      { header: '--lipschitz linear', align: 'right' },
    ],
    local.map(({ cut, secant, linear }) => [visible(cut.name), localInWords(secant), localInWords(linear)]),
    style,
  )}`;

function describeModel(source: Model, style: Style): string {
  const opsets = [...source.opsets]
    .map(([domain, version]) => `${visible(domain) || 'ai.onnx'} ${version}`)
    .join(', ');
  const value = (v: Model['graph']['inputs'][number]): string =>
    visible(`${v.name} ${describeType(v.declaredType, v.declaredShape)}`);
  const lines = [
    `${style.bold(visible(basename(source.path)))}  IR ${source.irVersion}, opset ${opsets}${source.producer ? `, ${visible(source.producer)}` : ''}`,
    ...source.files.map(
      (file) => `file     ${visible(file.name)}  ${file.bytes} bytes  sha256 ${file.sha256}`,
    ),
    `input    ${source.graph.inputs.map(value).join('; ')}`,
    `output   ${source.graph.outputs.map(value).join('; ')}`,
    ...[...source.metadata].map(([key, text]) => `meta     ${visible(`${key} = ${text}`)}`),
  ];
  return `${lines.join('\n')}\n`;
}
