/**
 * ONNX Runtime cannot be stopped inside a run, so a Loop must end by itself: its trip count must be a constant of a
 * reasonable size, multiplied by the trips of the enclosing loops. A Scan is as long as its input.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Model } from '../model/model.ts';
import { describeNodeProto, EXTERNAL, type NodeProto, normalDomain, subgraphs } from '../model/proto.ts';
import { tensorFault, tensorOf } from '../model/tensor.ts';
import { constantTensors } from './determinism.ts';

const MOST_TRIPS = 10_000;

/** Throws ModelRefused for a Loop that may run for ever, or nearly so. */
export function refuseEndlessLoops({ proto, path }: Model): void {
  const constants = constantTensors(proto);
  const tripsOf = (node: NodeProto): number | null => {
    const name = node.input?.[0] ?? '';
    const tensor = name === '' ? undefined : constants.get(name);
    if (tensor === undefined || tensor.dataLocation === EXTERNAL || tensorFault(tensor, name) !== null)
      return null;
    return tensorOf(tensor, describeNodeProto(node)).integers()[0] ?? null;
  };
  const check = (nodes: readonly NodeProto[], around: number): void => {
    for (const node of nodes) {
      let trips = around;
      if (node.opType === 'Loop' && normalDomain(node.domain) === '') {
        const own = tripsOf(node);
        trips = around * Math.max(0, own ?? Number.POSITIVE_INFINITY);
        if (!(trips <= MOST_TRIPS)) throw endless(node, own === null ? null : trips, path);
      }
      for (const graph of subgraphs(node)) check(graph.node ?? [], trips);
    }
  };
  check(proto.graph?.node ?? [], 1);
  for (const f of proto.functions ?? []) check(f.node ?? [], 1);
}

function endless(node: NodeProto, trips: number | null, path: string): ModelRefused {
  return new ModelRefused({
    what:
      trips === null
        ? `${describeNodeProto(node)} has no constant trip count`
        : `${describeNodeProto(node)} makes ${trips} trips`,
    where: path,
    why: `it might never end; at most ${MOST_TRIPS} trips, known in advance, are supported`,
    remedy: 'Export the network with its loops unrolled (torch.jit.trace instead of torch.jit.script).',
  });
}
