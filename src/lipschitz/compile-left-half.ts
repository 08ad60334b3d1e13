/** Compiles the left half of a network, up to a cut, from its ONNX graph. */
import { ModelRefused } from '../ground/errors.ts';
import { DataType } from '../onnx/model/data-type.ts';
import { describeNode, type Node, sizeOf, type Value } from '../onnx/model/graph.ts';
import { identityMatrix } from '../operators/algebra/sparse-matrix.ts';
import type { Nonlinearity } from '../operators/nonlinear/nonlinearity.ts';
import {
  type Constant,
  constantOf,
  type Operand,
  type SingleAction,
  type Terms,
} from '../operators/operator.ts';
import { operatorOf, whyUnsupported } from '../operators/registry.ts';
import { type AffineForm, plus, transformed, withBias, zeroForm } from './affine-form.ts';
import { resultType, typedResult } from './constant-types.ts';
import { through } from './evaluate-left-half.ts';
import type { LeftHalf, Step } from './left-half.ts';

type State = { readonly dims: readonly number[] } & (
  | {
      readonly constant: Constant;
      /**
       * Upper bound on the l2 error of its values: 0 unless they were computed from other constants. It counts where the
       * constant is added; a *weight* computed from constants is the float64 result by definition of f_L.
       */
      readonly error: number;
      readonly type: DataType;
    }
  | { readonly constant: null; readonly form: AffineForm }
);

/** Compiles the left half that ends at `cut`. Work done for one cut is kept for later cuts. */
export interface LeftHalfCompiler {
  (cut: Value): LeftHalf;
  /** Does the work for a value on the way to a cut; the value need not depend on the input (it may be a shape). */
  prepare(value: Value): void;
}

/**
 * @param input the network's input
 * @param inputDims its shape for one image, batch axis (1) included
 * @returns a compiler that throws ModelRefused, naming the node that has no sound bound
 */
export function leftHalfCompiler(input: Value, inputDims: readonly number[]): LeftHalfCompiler {
  const compilation = new Compilation(input, inputDims);
  const compile = (cut: Value): LeftHalf => {
    const state = compilation.stateOf(cut);
    if (state.constant !== null) {
      throw new ModelRefused({
        what: `'${cut.name}' does not depend on the input`,
        remedy: 'Choose another cut.',
      });
    }
    return { inputDims, dims: state.dims, ...needed(compilation.steps, state.form) };
  };
  return Object.assign(compile, { prepare: (value: Value) => void compilation.stateOf(value) });
}

/** The states of a node's inputs, by position; null where an optional one is omitted. */
type Inputs = readonly (State | null)[];

/** What is known of the values reached so far, and the steps they are made of. */
class Compilation {
  readonly steps: Step[] = [];
  private readonly states = new Map<Value, State>();
  private readonly sharedSteps = new Map<string, State>();

  constructor(input: Value, dims: readonly number[]) {
    this.states.set(input, { dims, constant: null, form: baseForm(0, sizeOf(dims)) });
  }

  /** @throws ModelRefused when the value, or one it is computed from, has no bound */
  stateOf(value: Value): State {
    const known = this.states.get(value);
    if (known !== undefined) return known;
    if (value.constant !== null) {
      const constant = constantOf(value.constant);
      const state: State = { dims: constant.dims, constant, error: 0, type: value.constant.type };
      this.states.set(value, state);
      return state;
    }
    if (value.producer === null) {
      throw new ModelRefused({
        what: `value '${value.name}' has no producer`,
        remedy: 'Re-export the model.',
      });
    }
    this.compileNode(value.producer);
    const state = this.states.get(value);
    if (state === undefined) {
      throw new ModelRefused({
        what: `${describeNode(value.producer)}: its output '${value.name}' has no Lipschitz bound`,
        remedy: 'Cut the network earlier.',
      });
    }
    return state;
  }

  private compileNode(node: Node): void {
    const operator = operatorOf(node);
    if (operator === null) {
      throw new ModelRefused({ what: whyUnsupported(node), remedy: 'Cut the network earlier.' });
    }
    const expression = operator.expression?.(node) ?? null;
    const inputs = (expression ?? node).inputs.map((value) => (value === null ? null : this.stateOf(value)));
    const operands = inputs.map(
      (state): Operand | null => state && { dims: state.dims, constant: state.constant },
    );
    const action = expression === null ? operator.compile(node, operands) : expression.compile(operands);
    const actions = action.kind === 'several' ? action.outputs : [action];
    actions.forEach((its, position) => {
      const output = node.outputs[position];
      if (output !== null && output !== undefined)
        this.states.set(output, this.outputState(node, its, inputs));
    });
  }

  /** @throws ModelRefused for a constant whose type computes by other rules than float64 */
  private outputState(node: Node, action: SingleAction, inputs: Inputs): State {
    const state = this.computed(node, action, inputs);
    if (state.constant === null) return state;
    const typed = inputs.map((input) => (input?.constant ? input : null));
    const type = resultType(node, typed);
    return { dims: state.dims, type, ...typedResult(node, type, action, state, typed) };
  }

  /** As float64 has it. */
  private computed(node: Node, action: SingleAction, inputs: Inputs): State {
    if (action.kind === 'constant') return stateOfConstant(action.constant, 0);
    if (action.kind === 'affine') return affine(node, action, inputs);
    return action.kind === 'composed'
      ? this.composed(node, action, inputs)
      : this.nonlinear(node, action, inputs);
  }

  private nonlinear(
    node: Node,
    { dims, operand, spread, nonlinearity }: Extract<SingleAction, { kind: 'nonlinear' }>,
    inputs: Inputs,
  ): State {
    const x = formOf(inputs[operand]!);
    const z = spread === null ? x : transformed(spread, x, describeNode(node));
    return this.stepped(node, z, dims, nonlinearity);
  }

  private composed(
    node: Node,
    { dims, terms, nonlinearity, valueDims, after, shared }: Extract<SingleAction, { kind: 'composed' }>,
    inputs: Inputs,
  ): State {
    const known = shared === null ? undefined : this.sharedSteps.get(shared);
    const whole =
      known ?? this.stepped(node, sumOf(node, terms, terms[0]!.matrix.rows, inputs), valueDims, nonlinearity);
    if (shared !== null) this.sharedSteps.set(shared, whole);
    if (after === null) return stateOfForm(dims, formOf(whole));
    const form = transformed(after.matrix, formOf(whole), describeNode(node));
    return stateOfForm(dims, after.bias === null ? form : withBias(form, after.bias, 0));
  }

  /** A new step after `input`, whose output has the shape `dims`; its value where `input` is constant. */
  private stepped(node: Node, input: AffineForm, dims: readonly number[], map: Nonlinearity): State {
    if (input.terms.length === 0) {
      const { value, error } = through(map, { value: input.bias, error: input.biasError });
      return stateOfConstant({ dims, values: value }, error);
    }
    const size = sizeOf(dims);
    this.steps.push({ node, input, dims, size, nonlinearity: map });
    return { dims, constant: null, form: baseForm(this.steps.length, size) };
  }
}

/** A base, unchanged. */
const baseForm = (base: number, size: number): AffineForm => ({
  ...zeroForm(size),
  terms: [{ base, matrix: identityMatrix(size) }],
});

/** The affine form of an operand; a constant is a form without terms. */
const formOf = (state: State): AffineForm =>
  state.constant === null
    ? state.form
    : { ...zeroForm(sizeOf(state.dims)), bias: state.constant.values, biasError: state.error };

const stateOfForm = (dims: readonly number[], form: AffineForm): State =>
  form.terms.length === 0
    ? stateOfConstant({ dims, values: form.bias }, form.biasError)
    : { dims, constant: null, form };

const stateOfConstant = (constant: Constant, error: number): State & { readonly constant: Constant } => ({
  dims: constant.dims,
  constant,
  error,
  type: DataType.FLOAT,
});

/** sum of matrix_k x_{operand_k}. */
function sumOf(node: Node, terms: Terms, size: number, inputs: Inputs): AffineForm {
  let form = zeroForm(size);
  const where = describeNode(node);
  for (const { operand, matrix } of terms)
    form = plus(form, transformed(matrix, formOf(inputs[operand]!), where), where);
  return form;
}

function affine(node: Node, action: Extract<SingleAction, { kind: 'affine' }>, inputs: Inputs): State {
  const sum = sumOf(node, action.terms, sizeOf(action.dims), inputs);
  return stateOfForm(
    action.dims,
    action.bias === null ? sum : withBias(sum, action.bias, action.biasError ?? 0),
  );
}

/** `output` and the steps it is computed from, with the bases renumbered; steps inside an expression are dropped. */
function needed(steps: readonly Step[], output: AffineForm): Pick<LeftHalf, 'steps' | 'output'> {
  const used = steps.map(() => false);
  const use = (form: AffineForm): void => {
    for (const { base } of form.terms) if (base > 0) used[base - 1] = true;
  };
  use(output);
  for (let k = steps.length - 1; k >= 0; k--) if (used[k]) use(steps[k]!.input);
  if (used.every((is) => is)) return { steps: steps.slice(), output };
  let count = 0;
  const renumbered = [0, ...used.map((is) => (is ? ++count : 0))];
  const renamed = (form: AffineForm): AffineForm => ({
    ...form,
    terms: form.terms.map(({ base, matrix }) => ({ base: renumbered[base]!, matrix })),
  });
  return {
    steps: steps.filter((_, k) => used[k]).map((step) => ({ ...step, input: renamed(step.input) })),
    output: renamed(output),
  };
}

/** Compiles one left half. */
export function compileLeftHalf(input: Value, inputDims: readonly number[], cut: Value): LeftHalf {
  return leftHalfCompiler(input, inputDims)(cut);
}
