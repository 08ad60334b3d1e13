/** Which cuts may have a bound, by their operators alone: what a message can offer without compiling every left half. */
import type { Cut } from '../onnx/cuts.ts';
import { valueDependent, valuesRead } from '../onnx/model/dependence.ts';
import type { Graph, Value } from '../onnx/model/graph.ts';
import { operatorOf } from '../operators/registry.ts';

/** Whether every operator before a cut is one that has a bound; their attributes may still have none. */
export function boundableOperators(cut: Cut, graph: Graph): boolean {
  const dependent = valueDependent(graph);
  const seen = new Set<Value>();
  const waiting = [cut.value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const node = dependent.has(next) && !seen.has(next) ? next.producer : null;
    seen.add(next);
    if (node === null) continue;
    const operator = operatorOf(node);
    if (operator === null) return false;
    // An expression is one operator: its inside may have no bound.
    const whole = operator.expression?.(node)?.inputs.filter((v) => v !== null);
    waiting.push(...(whole ?? valuesRead(node)));
  }
  return true;
}
