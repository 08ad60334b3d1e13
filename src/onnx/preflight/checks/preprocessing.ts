/** What the first nodes do to the pixels, and whether it fits what the user says. Reported, never applied. */
import { DataType } from '../../model/data-type.ts';
import { inputDependent } from '../../model/dependence.ts';
import { describeNode, type Graph, type Node, sizeOf } from '../../model/graph.ts';
import type { Check } from '../check.ts';
import { type Finding, findingOf } from '../finding.ts';

const elementwise = new Set(['Sub', 'Add', 'Div', 'Mul']);
const moves = new Set([
  'Transpose',
  'Reshape',
  'Flatten',
  'Identity',
  'Unsqueeze',
  'Squeeze',
  'Cast',
  'Resize',
  'ImageScaler',
]);

const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16];

const integers: readonly number[] = [DataType.UINT8, DataType.INT8, DataType.INT32, DataType.INT64];

interface Stage {
  readonly node: Node;
  /** The constant operand of Sub, Add, Div, Mul; null for the others. */
  readonly constant: readonly number[] | null;
}

/** The chain of single readers behind the only input, up to the first node that is neither elementwise nor a move. */
function leadingStages(graph: Graph): Stage[] {
  const [input, ...others] = graph.inputs;
  if (input === undefined || others.length > 0) return [];
  const dependent = inputDependent(graph);
  const stages: Stage[] = [];
  for (let value = input; value.consumers.length === 1; ) {
    const [node] = value.consumers;
    if (node === undefined || node.domain !== '') break;
    if (elementwise.has(node.opType)) {
      const operand = node.inputs.find((v) => v !== null && !dependent.has(v));
      // A tensor of weights is a layer; a constant per channel, or one for all, prepares pixels.
      if (
        !operand?.constant ||
        sizeOf(operand.constant.dims) > 4 ||
        !floating.includes(operand.constant.type)
      )
        break;
      stages.push({ node, constant: [...operand.constant.float64()] });
    } else if (moves.has(node.opType)) stages.push({ node, constant: null });
    else break;
    const next = node.outputs[0];
    if (next === null || next === undefined) break;
    value = next;
  }
  return stages;
}

/** A Cast prepares pixels when they come as integers; between kinds of floats it is a matter of precision. */
const isNormalising = ({ node, constant }: Stage): boolean =>
  constant !== null ||
  node.opType === 'Resize' ||
  node.opType === 'ImageScaler' ||
  (node.opType === 'Cast' && integers.includes(node.inputs[0]?.declaredType ?? 0));

export const preprocessingInside: Check = {
  id: 'SPLITZ025',
  name: 'preprocessing-inside',
  severity: 'note',
  title: 'The model prepares its pixels itself.',
  why: 'the preparation is part of what is certified, and of the left half; doing it twice would certify something else',
  remedy: 'Give no --mean, --std or --scale for what the model does itself.',
  run({ graph, normalised }) {
    if (graph === null) return [];
    const stages = leadingStages(graph).filter(isNormalising);
    const [first] = stages;
    if (first === undefined) return [];
    const told = stages.map(({ node, constant }) =>
      constant === null
        ? node.opType
        : `${node.opType} [${constant.map((v) => Number(v.toPrecision(4))).join(', ')}]`,
    );
    const what = `the first nodes are ${told.join(', ')}`;
    return [
      normalised
        ? {
            where: describeNode(first.node),
            what: `${what}, and --mean or --std normalises the pixels before them`,
            severity: 'warning',
          }
        : { where: describeNode(first.node), what },
    ];
  },
};

/**
 * What a first division by one number says about the range of the pixels: x / 127.5 - 1 and x / 255 both mean 0..255.
 */
function expectedRange(stages: readonly Stage[]): { node: Node; divisor: number; top: number } | null {
  const first = stages.find(({ constant }) => constant !== null);
  if (first?.constant?.length !== 1) return null;
  const { node } = first;
  const [value = 0] = first.constant;
  const divisor = node.opType === 'Div' ? value : node.opType === 'Mul' && value > 0 ? 1 / value : 1;
  // Deviations that images in 0..1 are divided by lie below 1.
  if (!(divisor >= 2 && divisor < 2 ** 17)) return null;
  return { node, divisor, top: Math.abs(divisor - 127.5) < 1 ? 255 : Math.round(divisor) };
}

export const scaleMismatch: Check = {
  id: 'SPLITZ026',
  name: 'scale-mismatch',
  severity: 'warning',
  title: 'The model seems to expect pixels on another scale.',
  why: 'a network fed 0..1 where it expects 0..255 answers almost the same for every image, and its certificates mean nothing',
  remedy: 'Check with the vendor; if it takes 0..255, use --scale 255. Nothing is changed automatically.',
  run({ graph, scale }) {
    if (graph === null || (scale !== null && scale > 1)) return [];
    const found = expectedRange(leadingStages(graph));
    if (found === null) return [];
    const { node, divisor, top } = found;
    return [
      {
        where: describeNode(node),
        what: `the pixels are divided by ${Number(divisor.toPrecision(4))} first: it seems to expect 0..${top}`,
        remedy: `Check with the vendor; if it takes 0..${top}, use --scale ${top}. Nothing is changed automatically.`,
      },
    ];
  },
};

/** What a model answers on some images with pixels in 0..scale. */
export interface ScaleAnswers {
  readonly scale: number;
  /** Share of the images with the most frequent answer. */
  readonly sameAnswer: number;
}

/**
 * The scale judged from images without labels: the answers are all the same on this one and not on the other. Null when
 * nothing speaks against the scale used.
 */
export function scaleFromData(
  now: ScaleAnswers,
  other: ScaleAnswers,
  images: number,
  data: string,
): Finding | null {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  if (!(now.sameAnswer >= 0.9 && other.sameAnswer <= 0.6)) return null;
  return findingOf(scaleMismatch, {
    where: 'input',
    what: `on ${images} images of ${data} the model gives ${percent(now.sameAnswer)} of the images the same answer with pixels in 0..${now.scale}, ${percent(other.sameAnswer)} with 0..${other.scale}`,
    remedy: `Check with the vendor; if it takes 0..${other.scale}, use --scale ${other.scale}. Nothing is changed automatically.`,
  });
}
