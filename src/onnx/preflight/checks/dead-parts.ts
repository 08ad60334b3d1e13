/** Parts that no output needs: they do not change any answer, but do not belong in a carefully made file. */
import { outputAncestors } from '../../model/dependence.ts';
import { describeNode } from '../../model/graph.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

export const deadNodes: Check = {
  id: 'SPLITZ021',
  name: 'dead-nodes',
  severity: 'note',
  title: 'Nodes that no output needs.',
  why: 'they do not change any answer; they may be leftovers of training, or hide what the file is for',
  remedy: 'Do nothing: they are not part of what is certified. onnxsim removes them.',
  run({ graph }) {
    if (graph === null) return [];
    const needed = outputAncestors(graph);
    const names = graph.nodes
      .filter((n) => !n.outputs.some((v) => v !== null && needed.has(v)))
      .map(describeNode);
    return names.length === 0 ? [] : [{ where: names[0] ?? '', what: listed(names, 'node') }];
  },
};

export const unusedInputs: Check = {
  id: 'SPLITZ022',
  name: 'unused-inputs',
  severity: 'note',
  title: 'Inputs that no output needs.',
  why: 'they do not change any answer and are not part of what is certified',
  remedy: 'Nothing.',
  run({ graph }) {
    if (graph === null) return [];
    const needed = outputAncestors(graph);
    const names = graph.inputs.filter((v) => !needed.has(v)).map((v) => `'${v.name}'`);
    return names.length === 0 ? [] : [{ where: names[0] ?? '', what: listed(names, 'input') }];
  },
};
