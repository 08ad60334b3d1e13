/** Which tensors of a file training changes: weights, running statistics and, on demand, limits of activations. */
import { DataType, dataTypeName } from '../onnx/model/data-type.ts';
import { describeNode, type Node, type Value } from '../onnx/model/graph.ts';
import { trainingFormOf } from '../operators/registry.ts';
import { refuseTraining } from '../operators/training/operands.ts';
import { passedOn } from './evaluation.ts';
import type { HostTensor } from './program.ts';

export interface Trained {
  /** Trained tensors by the name they have in the file (initializer, or output of a Constant node); shared ones once. */
  readonly parameters: ReadonlyMap<string, HostTensor>;
  /** Running means and variances of BatchNormalization by name; shape [channels]. */
  readonly statistics: ReadonlyMap<string, HostTensor>;
  /** Names out of `parameters` and `statistics` that the left half reads. */
  readonly leftNames: ReadonlySet<string>;
  /** Names out of `parameters` that are limits of a Clip: they must stay positive, and weight decay is not for them. */
  readonly limits: ReadonlySet<string>;
}

/** Operators through which a weight may reach its layer and still be trained: they only move its entries. */
const MOVERS = ['Identity', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten'];

/**
 * @param left nodes of the left half that depend on the image, `right` those of the right half
 * @param dependent values that change with the image
 * @param trainLimits whether the upper limits of the left half's Clips are parameters
 * @throws ModelRefused naming the node whose weight is not a float32 constant of the file
 */
export function trainedTensors(
  left: readonly Node[],
  right: readonly Node[],
  dependent: ReadonlySet<Value>,
  trainLimits: boolean,
): Trained {
  const parameters = new Map<string, HostTensor>();
  const statistics = new Map<string, HostTensor>();

  /** Enters the constants at some positions of a node; an input that is omitted or depends on the image is not one. */
  const enter = (
    node: Node,
    positions: readonly number[] | undefined,
    through: readonly string[],
    into: Map<string, HostTensor>,
  ): string[] =>
    (positions ?? []).flatMap((position) => {
      const value = node.inputs[position];
      if (!value || dependent.has(value)) return [];
      const { name, tensor } = constantBehind(node, value, through);
      if (!into.has(name)) into.set(name, tensor);
      else if (into === statistics)
        refuseTraining(
          node,
          `it shares its running statistics '${name}' with another node`,
          'Give each BatchNormalization statistics of its own.',
        );
      return [name];
    });
  const layer = (node: Node): string[] => {
    const form = trainingFormOf(node);
    return [
      ...enter(node, form?.parameters?.(node), MOVERS, parameters),
      ...enter(node, form?.statistics?.(node), ['Identity'], statistics),
    ];
  };
  const limit = (node: Node): string[] => enter(node, limitPositions(node), ['Identity'], parameters);

  const leftNames = new Set(left.flatMap(layer));
  const limits = new Set(trainLimits ? left.flatMap(limit) : []);
  right.forEach(layer);
  return { parameters, statistics, leftNames: new Set([...leftNames, ...limits]), limits };
}

function limitPositions(node: Node): readonly number[] {
  const form = trainingFormOf(node);
  const positions = form?.limits?.(node) ?? [];
  if (form?.limits !== undefined && positions.length === 0)
    refuseTraining(
      node,
      `its limits are attributes in operator set ${node.opset}, and cannot be trained`,
      'Convert the model to operator set 11 or newer, or keep the limit fixed.',
    );
  return positions;
}

/** The float32 constant of the file that reaches a node as `value`. */
function constantBehind(
  node: Node,
  value: Value,
  through: readonly string[],
): { name: string; tensor: HostTensor } {
  const { name, constant, producer } = passedOn(value, through);
  if (constant === null) {
    const by = producer === null ? 'nothing' : describeNode(producer);
    refuseTraining(
      node,
      `its weight '${value.name}' is computed by ${by}`,
      'Export with constant folding, in float32.',
    );
  }
  if (constant.type !== DataType.FLOAT)
    refuseTraining(
      node,
      `its weight '${name}' is ${dataTypeName(constant.type)}, and training is in float32`,
      'Export the network in float32.',
    );
  return { name, tensor: { dims: constant.dims, values: Float32Array.from(constant.float64()) } };
}

/** The tensors of a network as they are in an engine's state, by name. */
export function trainedValues(
  { parameters, statistics }: Pick<Trained, 'parameters' | 'statistics'>,
  state: ReadonlyMap<string, Float32Array>,
): Map<string, HostTensor> {
  return new Map(
    [...parameters, ...statistics].map(([name, { dims }]) => {
      const values = state.get(name);
      if (values === undefined) throw new Error(`the engine lost '${name}'`);
      return [name, { dims, values }];
    }),
  );
}
