/** A small model's bytes, and the left half compiled from its whole graph 'x' → 'y'. */
import { compileLeftHalf } from '../../src/lipschitz/compile-left-half.ts';
import type { LeftHalf, Step } from '../../src/lipschitz/left-half.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import type { Activation } from '../../src/operators/nonlinear/activation.ts';
import type { Elementwise } from '../../src/operators/nonlinear/elementwise.ts';
import { tinyProto } from '../onnx/tiny-model.ts';
import type { OneOperator } from './one-operator.ts';

/** The output has no declared shape: the operators' own shape rules are under test. */
export function encoded({ nodes, initializers, dims, opset }: OneOperator): Uint8Array {
  return encodeModel(
    tinyProto({
      nodes,
      initializers,
      inputs: [tensorInfo('x', DataType.FLOAT, dims)],
      outputs: [{ name: 'y', type: { tensorType: { elemType: DataType.FLOAT } } }],
      opset,
    }),
  );
}

/** @param cut name of the value to cut at */
export function leftHalfOf({ graph }: Model, dims: readonly number[], cut = 'y'): LeftHalf {
  const input = graph.inputs[0];
  const value = graph.values.get(cut);
  if (input === undefined || value === undefined) throw new Error(`no input, or no value '${cut}'`);
  return compileLeftHalf(input, dims, value);
}

/** The activation of a step that applies one cell by cell. */
export function activationOf(step: Step | undefined): Activation {
  if (step === undefined || !('activation' in step.nonlinearity))
    throw new Error('the step is not an activation');
  return (step.nonlinearity as Elementwise).activation;
}

export function compiled(model: OneOperator): LeftHalf {
  return leftHalfOf(modelFromBytes(encoded(model)), model.dims);
}
