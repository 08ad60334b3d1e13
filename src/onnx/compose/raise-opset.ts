/**
 * A model's nodes in a later version of the standard operator set, so that it can share a graph with a model of that version.
 * Only what is known to keep its meaning is carried over: an operator not named here is refused. The result is compared with
 * the model as it was whenever models are composed (compose.ts).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { DataType } from '../model/data-type.ts';
import { type Model, modelOf } from '../model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  attributeOf,
  describeNodeProto,
  edited,
  type GraphProto,
  type NodeProto,
  normalDomain,
  toNumber,
} from '../model/proto.ts';
import { inlineFunctions } from '../rewrites/inline-functions.ts';
import { type FreshName, freshNames } from '../rewrites/names.ts';
import { int } from '../rewrites/replace-nodes.ts';

/** Arithmetic broadcasts as NumPy does from here on; older operators are another language. */
const OLDEST = 7;

/** Operators whose later versions only take more types, or have new attributes whose defaults are the old meaning. */
const SAME_SINCE_7 = new Set(
  `Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BitShift Cast CastLike Ceil Celu Compress Concat
  Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div
  DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm
  GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity If InstanceNormalization
  IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log Loop LpNormalization MatMul MatMulInteger Max MaxPool Mean
  MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pow QLinearConv QLinearMatMul QuantizeLinear Range
  Reciprocal Relu Reshape Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Softplus Softsign
  SpaceToDepth Sqrt Sub Sum Tan Tanh ThresholdedRelu Tile Transpose Trilu Where Xor`.split(/\s+/u),
);

/** What a rewriting of one node works with. */
interface Step {
  readonly node: NodeProto;
  readonly fresh: FreshName;
}

/** An operator that changed at `version`: nodes that compute in it what the node did before; null where none do. */
interface Change {
  readonly version: number;
  readonly restated: (step: Step) => readonly NodeProto[] | null;
}

const without = (node: NodeProto, ...names: string[]): NodeProto =>
  edited(node, { attribute: (node.attribute ?? []).filter((a) => !names.includes(a.name ?? '')) });

const integerOf = (node: NodeProto, name: string, fallback: number): number => {
  const found = attributeOf(node, name);
  return found === undefined ? fallback : toNumber(found.i);
};

function constant(output: string, fields: object, dataType: number, dims: readonly number[]): NodeProto {
  const t = { name: output, dataType, dims: [...dims], ...fields };
  return {
    name: output,
    ...{ opType: 'Constant', input: [], output: [output] },
    attribute: [{ name: 'value', type: AttributeType.TENSOR, t }],
  };
}

const outputOf = ({ output }: NodeProto): string => output?.find((name) => name !== '') ?? '';

/** Attributes that became inputs, in the order of these; the first input is the data. */
const asInputs =
  (kinds: Readonly<Record<string, 'ints' | 'float'>>) =>
  ({ node, fresh }: Step): NodeProto[] => {
    const constants: NodeProto[] = [];
    const input = [node.input?.[0] ?? ''];
    for (const [name, kind] of Object.entries(kinds)) {
      const given = attributeOf(node, name);
      const output = given === undefined ? '' : fresh(`${outputOf(node)}/${name}`);
      input.push(output);
      if (given === undefined) continue;
      const integers = (given.ints ?? []).map(toNumber);
      constants.push(
        kind === 'ints'
          ? constant(output, { int64Data: integers }, DataType.INT64, [integers.length])
          : constant(output, { floatData: [given.f ?? 0] }, DataType.FLOAT, []),
      );
    }
    while (input.at(-1) === '') input.pop();
    return [...constants, edited(without(node, ...Object.keys(kinds)), { input })];
  };

/** Inference computes the first output alone; the others belong to training. */
const onlyFirstOutput = ({ output }: NodeProto): boolean =>
  (output ?? []).slice(1).every((name) => name === '');

/** Up to 12 the axes from `axis` on are one; from 13 on `axis` stands alone. */
function overFlattened({ node, fresh }: Step): NodeProto[] {
  const [flat, result, shape] = ['flat', 'result', 'shape'].map((part) =>
    fresh(`${outputOf(node)}/${part}`),
  ) as [string, string, string];
  const data = node.input?.[0] ?? '';
  const named = (
    name: string,
    opType: string,
    input: string[],
    attribute: AttributeProto[] = [],
  ): NodeProto => ({
    ...{ name, opType, input, output: [name], attribute },
  });
  return [
    named(flat, 'Flatten', [data], [int('axis', integerOf(node, 'axis', 1))]),
    edited(without(node, 'axis'), { input: [flat], output: [result], attribute: [int('axis', 1)] }),
    named(shape, 'Shape', [data]),
    edited(named(outputOf(node), 'Reshape', [result, shape]), { name: fresh(`${outputOf(node)}/Reshape`) }),
  ];
}

const SOFTMAX: readonly Change[] = [{ version: 13, restated: overFlattened }];
const reduction = (version: number): readonly Change[] => [{ version, restated: asInputs({ axes: 'ints' }) }];
const refusedFrom = (version: number): Change => ({ version, restated: () => null });

/** In the order of their versions. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  Softmax: SOFTMAX,
  LogSoftmax: SOFTMAX,
  Hardmax: SOFTMAX,
  ReduceSum: reduction(13),
  Squeeze: reduction(13),
  Unsqueeze: reduction(13),
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((kind) => [
      `Reduce${kind}`,
      reduction(18),
    ]),
  ),
  Clip: [{ version: 11, restated: asInputs({ min: 'float', max: 'float' }) }],
  Slice: [{ version: 10, restated: asInputs({ starts: 'ints', ends: 'ints', axes: 'ints' }) }],
  Pad: [{ version: 11, restated: asInputs({ pads: 'ints', value: 'float' }) }],
  BatchNormalization: [
    {
      version: 9,
      restated: ({ node }) => (integerOf(node, 'spatial', 1) === 1 ? [without(node, 'spatial')] : null),
    },
    // More outputs used to mean training.
    { version: 14, restated: ({ node }) => (onlyFirstOutput(node) ? [node] : null) },
  ],
  Dropout: [
    {
      version: 12,
      restated: ({ node }) =>
        onlyFirstOutput(node)
          ? [edited(without(node, 'ratio'), { opType: 'Identity', output: [outputOf(node)] })]
          : null,
    },
  ],
  Split: [
    { version: 13, restated: asInputs({ split: 'ints' }) },
    {
      version: 18,
      // Equal parts used to follow from the number of outputs.
      restated: ({ node }) =>
        (node.input?.length ?? 0) > 1
          ? [node]
          : [
              edited(node, {
                attribute: [...(node.attribute ?? []), int('num_outputs', node.output?.length ?? 0)],
              }),
            ],
    },
  ],
  TopK: [refusedFrom(10)],
  Resize: [
    refusedFrom(11),
    {
      version: 13,
      restated: ({ node }) =>
        textOf(attributeOf(node, 'coordinate_transformation_mode')) === 'tf_half_pixel_for_nn'
          ? null
          : [node],
    },
  ],
  Upsample: [refusedFrom(10)],
  GroupNormalization: [refusedFrom(21)],
};

const textOf = (attribute: AttributeProto | undefined): string =>
  new TextDecoder().decode(Uint8Array.from(attribute?.s ?? []));

/**
 * @param version of the standard operator set, at least the model's own
 * @throws ModelRefused naming the node that has no known form in that version
 */
export async function raisedTo(model: Model, version: number): Promise<Model> {
  const own = model.opsets.get('') ?? version;
  if (own >= version) return model;
  if (own < OLDEST) throw cannotRaise(model, version, `operator set ${own} is older than ${OLDEST}`);
  // A function has imports of its own, which would stay behind.
  const inlined = await inlineFunctions.apply(model);
  const { proto } = inlined ?? model;
  const fresh = freshNames(proto);
  const graph = raisedGraph(proto.graph ?? {}, own, version, fresh, model);
  const opsetImport = (proto.opsetImport ?? []).map((one) =>
    normalDomain(one.domain) === '' ? edited(one, { version }) : one,
  );
  return modelOf(edited(proto, { graph, opsetImport }), model);
}

function raisedGraph(
  graph: GraphProto,
  own: number,
  version: number,
  fresh: FreshName,
  model: Model,
): GraphProto {
  const inside = (one: GraphProto): GraphProto => raisedGraph(one, own, version, fresh, model);
  const node = (graph.node ?? []).flatMap((old) => {
    const attribute = old.attribute?.map((a) =>
      a.g || a.graphs?.length
        ? edited(a, {
            ...(a.g ? { g: inside(a.g) } : {}),
            ...(a.graphs?.length ? { graphs: a.graphs.map(inside) } : {}),
          })
        : a,
    );
    return raisedNode(attribute === undefined ? old : edited(old, { attribute }), own, version, fresh, model);
  });
  return edited(graph, { node });
}

function raisedNode(
  node: NodeProto,
  own: number,
  version: number,
  fresh: FreshName,
  model: Model,
): readonly NodeProto[] {
  if (normalDomain(node.domain) !== '') return [node];
  const changes = CHANGES[node.opType ?? ''];
  const why = `${describeNodeProto(node)} has no known form in operator set ${version}`;
  if (changes === undefined && !SAME_SINCE_7.has(node.opType ?? '')) throw cannotRaise(model, version, why);
  let now: readonly NodeProto[] = [node];
  for (const change of changes ?? []) {
    if (change.version <= own || change.version > version) continue;
    now = now.flatMap((one) => {
      if (one.opType !== node.opType) return [one];
      const restated = change.restated({ node: one, fresh });
      if (restated === null) throw cannotRaise(model, version, why);
      return restated;
    });
  }
  return now;
}

const cannotRaise = ({ path, opsets }: Model, version: number, why: string): ModelRefused =>
  new ModelRefused({
    what: `the model uses operator set ${opsets.get('')}, the model it is composed with ${version}, and it cannot be raised to that`,
    where: path,
    why,
    remedy: `Export both for the same operator set, or convert it: onnx.version_converter.convert_version(model, ${version}).`,
  });
