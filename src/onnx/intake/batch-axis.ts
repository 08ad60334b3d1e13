/**
 * Does a network see its batch? The axis along which the rows lie is followed from the image to the scores through every
 * node, by one rule per operator (batch-axis/rules.ts): a network passes where each row of the scores is computed from the
 * same row of the images alone, whatever their values and however many there are. This is a proof by the graph, where
 * running three rows together (batch.ts) is a test: a file can be crafted to mix rows only where no test has looked.
 *
 * By induction over the nodes: with N rows, every value has the shape it has with one row, except that the axis of
 * the rows is N times as long (step.ts, Place). So the shapes measured with one row are those of any number. An
 * operator without a rule, a sub-graph, arithmetic with the number of rows: there the rows are lost, and the network
 * must be run one row at a time.
 */
import { SplitzError } from '../../ground/errors.ts';
import { encodeModel } from '../model/codec.ts';
import { inputDependent, outputAncestors } from '../model/dependence.ts';
import { extract } from '../model/extract.ts';
import { describeNode, type Node, type Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { inlineFunctions } from '../rewrites/inline-functions.ts';
import { withSession } from '../runtime/session.ts';
import { computed, placeOfConstant, shapeOf } from './batch-axis/integers.ts';
import { lengthsOf, ruleOf } from './batch-axis/rules.ts';
import type { Operand, Place, Step } from './batch-axis/step.ts';
import { measureShapes, type Shapes } from './shapes.ts';

/**
 * Null when every row of the output depends on the same row of the input alone; else the first node where that cannot be
 * shown, and why.
 *
 * @param model one input of known row shape, one output, any number of rows
 * @param shapes of the model, as `measureShapes` gives them
 */
export async function whereRowsMix(model: Model, shapes: Shapes): Promise<string | null> {
  try {
    if (!model.proto.functions?.length) return await followed(model, shapes);
    const inlined = await inlineFunctions.apply(model);
    const flat = inlined === null ? model : modelOf(inlined.proto, model);
    return await followed(flat, await measureShapes({ model: flat, batchable: false }));
  } catch (error) {
    // A local function that cannot be inlined, a constant of a type that cannot be measured.
    if (!(error instanceof SplitzError)) throw error;
    return lost(error.report.what);
  }
}

const lost = (why: string): string => `it may mix the rows of a batch: ${why}`;

async function followed(model: Model, shapes: Shapes): Promise<string | null> {
  const { graph } = model;
  const needed = outputAncestors(graph);
  const dims = await shapesOf(model, needed, shapes);
  const places = new Map<Value, Place>();
  for (const value of graph.inputs) places.set(value, { kind: 'rows', axis: 0, block: 1 });
  const operandOf = (value: Value): Operand | null => {
    const its = dims(value);
    if (its === null) return null;
    const place = places.get(value) ?? (value.constant && placeOfConstant(value.constant));
    return place && { place, dims: its, constant: value.constant };
  };
  for (const node of graph.nodes) {
    if (node.outputs.every((output) => output === null || output.constant !== null || !needed.has(output)))
      continue;
    const place = placeOf(node, operandOf);
    if (typeof place === 'string') return lost(`${describeNode(node)} ${place}`);
    for (const output of node.outputs) if (output !== null) places.set(output, place);
  }
  const [output] = graph.outputs;
  const place = output && places.get(output);
  return place?.kind === 'rows' && place.axis === 0 && place.block === 1
    ? null
    : lost(`the output '${output?.name ?? ''}' does not have them along its first axis`);
}

/** Where the rows are in the outputs of a node, or why they are lost. */
function placeOf(node: Node, operandOf: (value: Value) => Operand | null): Place | string {
  if (node.captured.length > 0 || [...node.attributes.values()].some(({ kind }) => kind === 'graph'))
    return 'has a sub-graph';
  const operands = node.inputs.map((value) => (value === null ? null : operandOf(value)));
  const unknown = node.inputs.findIndex((value, k) => value !== null && operands[k] === null);
  if (unknown >= 0) return `takes '${node.inputs[unknown]?.name}', whose shape is not known`;
  const step: Step = { node, operands };
  if (node.domain === '' && node.opType === 'Shape') return shapeOf(step);
  const carrying = operands.flatMap((operand) => (operand?.place.kind === 'rows' ? [operand.place] : []));
  const [first] = carrying;
  if (first === undefined) return computed(step);

  const rule = ruleOf(node.domain, node.opType);
  if (rule === null) return 'has no rule for the rows of a batch';
  const lengths = lengthsOf(node.domain, node.opType);
  if (operands.some((operand, k) => operand?.place.kind === 'counts' && !lengths.includes(k)))
    return 'computes with the number of rows in the batch';
  if (operands.some((operand) => operand?.place.kind === 'rows' && operand.dims.includes(0)))
    return 'takes a tensor that holds no numbers';
  if (carrying.some(({ block }) => block !== first.block)) return 'combines rows with parts of rows';
  const result = rule(step);
  if (typeof result === 'string') return result;
  if (typeof result === 'object') return { kind: 'rows', ...result };
  return { kind: 'rows', axis: result, block: first.block };
}

/** The shape of any value for one row: stored, measured, or computed from constants that were not folded. */
async function shapesOf(
  model: Model,
  needed: ReadonlySet<Value>,
  shapes: Shapes,
): Promise<(value: Value) => readonly number[] | null> {
  const measured = await computedConstants(model, needed);
  return ({ name, constant }) => constant?.dims ?? shapes.get(name)?.dims ?? measured.get(name) ?? null;
}

async function computedConstants(
  model: Model,
  needed: ReadonlySet<Value>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const dependent = inputDependent(model.graph);
  const names = [...needed]
    .filter((value) => value.producer !== null && value.constant === null && !dependent.has(value))
    .map(({ name }) => name);
  if (names.length === 0) return new Map();
  const part = extract(
    model,
    [],
    names.map((name) => ({ name })),
  );
  return withSession(encodeModel(part), `${model.path} (its constants)`, async (session) => {
    const results = await session.run(new Map());
    return new Map([...results].map(([name, tensor]) => [name, tensor.dims]));
  });
}
