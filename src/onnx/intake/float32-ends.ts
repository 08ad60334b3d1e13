/**
 * A classifier whose images or scores are not float32 (float16, bfloat16, double, uint8) is given Casts at its ends, so
 * that noise and distances are always measured on float32 images and votes on float32 scores. What is certified is the
 * network behind the Casts, which contain the model unchanged. A uint8 model sees the noisy image rounded and clipped to
 * 0..255, as any caller would have to supply it; it needs --scale 255.
 */
import { DataType } from '../model/data-type.ts';
import { tensorInfo } from '../model/extract.ts';
import type { Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { AttributeType, edited, type NodeProto, type TensorProto } from '../model/proto.ts';

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE]);

/** Round exists, and Clip takes its limits as inputs, from here on. */
const ROUND_OPSET = 11;
/** Cast takes its type as a number from here on. */
const CAST_OPSET = 6;

/** The model with float32 ends where a Cast can make them; anything else is left for the caller to refuse. */
export function withFloat32Ends(model: Model): Model {
  const [input, ...moreInputs] = model.graph.inputs;
  const [output, ...moreOutputs] = model.graph.outputs;
  const opset = model.graph.nodes.find((node) => node.domain === '')?.opset ?? 0;
  if (input === undefined || output === undefined || moreInputs.length > 0 || moreOutputs.length > 0)
    return model;
  if (opset < CAST_OPSET) return model;
  const before = isCastable(input, opset);
  const after = output.declaredType !== null && FLOATS.has(output.declaredType);
  if (!before && !after) return model;

  const taken = new Set(model.graph.values.keys());
  const free = (name: string): string => {
    let candidate = name;
    for (let k = 2; taken.has(candidate); k++) candidate = `${name}_${k}`;
    taken.add(candidate);
    return candidate;
  };
  const graph = model.proto.graph ?? {};
  let inputs = graph.input ?? [];
  let outputs = graph.output ?? [];
  const head: NodeProto[] = [];
  const tail: NodeProto[] = [];
  if (before) {
    const image = free(`${input.name}_float32`);
    inputs = inputs.map((info) =>
      info.name === input.name ? tensorInfo(image, DataType.FLOAT, input.declaredShape ?? []) : info,
    );
    if (input.declaredType === DataType.UINT8) {
      const [low, high, rounded, clipped] = ['low', 'high', 'rounded', 'clipped'].map((part) =>
        free(`${input.name}_${part}`),
      ) as [string, string, string, string];
      head.push(
        constant(low, 0),
        constant(high, 255),
        { name: rounded, opType: 'Round', input: [image], output: [rounded] },
        { name: clipped, opType: 'Clip', input: [rounded, low, high], output: [clipped] },
        cast(free(`${input.name}_cast`), clipped, input.name, DataType.UINT8),
      );
    } else {
      head.push(cast(free(`${input.name}_cast`), image, input.name, input.declaredType as number));
    }
  }
  if (after) {
    const scores = free(`${output.name}_float32`);
    outputs = outputs.map((info) =>
      info.name === output.name ? tensorInfo(scores, DataType.FLOAT, output.declaredShape ?? []) : info,
    );
    tail.push(cast(free(`${output.name}_cast`), output.name, scores, DataType.FLOAT));
  }
  const node = [...head, ...(graph.node ?? []), ...tail];
  return modelOf(
    edited(model.proto, { graph: edited(graph, { input: inputs, output: outputs, node }) }),
    model,
  );
}

function isCastable(input: Value, opset: number): boolean {
  const type = input.declaredType;
  // Raw bytes ([N]) are not an image, and without a shape there is nothing to declare the float32 input as.
  if (type === null || (input.declaredShape?.length ?? 0) < 2) return false;
  return FLOATS.has(type) || (type === DataType.UINT8 && opset >= ROUND_OPSET);
}

const cast = (name: string, from: string, to: string, type: number): NodeProto => ({
  name,
  opType: 'Cast',
  input: [from],
  output: [to],
  attribute: [{ name: 'to', type: AttributeType.INT, i: type }],
});

function constant(name: string, value: number): NodeProto {
  const t: TensorProto = { name, dataType: DataType.FLOAT, dims: [], floatData: [value] };
  return {
    name,
    opType: 'Constant',
    input: [],
    output: [name],
    attribute: [{ name: 'value', type: AttributeType.TENSOR, t }],
  };
}
