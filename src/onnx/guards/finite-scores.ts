/**
 * Scores that are NaN or infinite, named as such: compared with others they differ from everything, and a comparison would put
 * it down to something else. The noise of smoothing takes pixels below 0 and above 1, where a square root, a logarithm
 * or a fractional power has no value.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { encodeModel } from '../model/codec.ts';
import { inputDependent } from '../model/dependence.ts';
import { describeNode, type Node } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { edited } from '../model/proto.ts';
import { withSession } from '../runtime/session.ts';

/** One row of a network and its scores. */
export interface Answer {
  readonly row: Float32Array;
  readonly dims: readonly number[];
  readonly scores: Float32Array;
}

export const allFinite = (scores: Float32Array): boolean => scores.every((score) => Number.isFinite(score));

/**
 * The refusal of a network for scores that are not all finite: names the first node whose values are not.
 *
 * @param model that gave the answer
 * @param on what the row is, as in "on image 2"
 */
export async function nonFiniteScores(
  model: Model,
  { row, dims, scores }: Answer,
  on: string,
): Promise<ModelRefused> {
  const count = scores.reduce((sum, score) => sum + (Number.isFinite(score) ? 0 : 1), 0);
  const first = await firstNonFinite(model, row, dims);
  return new ModelRefused({
    what: `the network answers with NaN or infinite scores ${on}`,
    where: model.path,
    why: `${count} of ${scores.length} scores are not finite${first === null ? '' : `; the first values that are not are those of ${describeNode(first)}`}`,
    remedy: `Limit what ${first === null ? 'such a function' : 'this node'} is given to where it has a value, with a Clip in front of it, and export the network again; or cut behind it (--split).`,
  });
}

/** The first node with a NaN or an infinity among its float32 values; null where there is none before the scores. */
async function firstNonFinite(
  model: Model,
  data: Float32Array,
  dims: readonly number[],
): Promise<Node | null> {
  const dependent = inputDependent(model.graph);
  const graph = model.proto.graph ?? {};
  const declared = new Map((graph.output ?? []).map((info) => [info.name ?? '', info]));
  const producers = model.graph.nodes.flatMap((node) =>
    node.outputs.flatMap((value) =>
      value !== null && dependent.has(value) ? [{ name: value.name, node }] : [],
    ),
  );
  const output = producers.map(({ name }) => declared.get(name) ?? { name });
  const bytes = encodeModel(edited(model.proto, { graph: edited(graph, { output, valueInfo: [] }) }));
  return withSession(bytes, model.path, async (session) => {
    const values = await session.run(new Map([[session.inputNames[0] ?? '', { data, dims: [1, ...dims] }]]));
    const at = producers.find(({ name }) => values.get(name)?.float32?.some((v) => !Number.isFinite(v)));
    return at?.node ?? null;
  });
}
