/**
 * Names for cuts that a person recognises and that are unique:
 *  1. the module path of the node that produces the tensor ("layer1.0.conv1"), else the node's name, else the tensor's;
 *  2. a name of digits only ("27", "1") would be taken for an index: it gets the operator in front ("Relu_27");
 *  3. a module with several cuts inside ("dense": MatMul, Add, Relu) gives its name to the last, its output; the others
 *     say their operator too ("dense/Add"). A module called several times ("relu") counts: "relu", "relu_2", "relu_3";
 *  4. 'input' is the input's name; 'first' and 'auto' are reserved for the command line.
 */
import type { Value } from './model/graph.ts';

export interface NamedCut {
  readonly value: Value;
  readonly name: string;
  readonly aliases: readonly string[];
}

/** `values` in order from the input; one without a producer is the input. */
export function nameCuts(values: readonly Value[]): NamedCut[] {
  const bases = values.map(baseName);
  const members = new Map<string, Value[]>();
  values.forEach((value, k) => {
    const base = bases[k] as string;
    members.set(base, [...(members.get(base) ?? []), value]);
  });
  const taken = new Set(['input', 'first', 'auto']);
  return values.map((value, k) => {
    const base = bases[k] as string;
    const group = members.get(base) ?? [];
    const mixed = new Set(group.map((v) => v.producer?.opType)).size > 1;
    const wanted = mixed && value !== group.at(-1) ? `${base}/${value.producer?.opType ?? ''}` : base;
    let name = value.producer === null ? 'input' : wanted;
    if (value.producer !== null) {
      for (let n = 2; taken.has(name) || (name !== base && members.has(name)); n++) name = `${wanted}_${n}`;
    }
    taken.add(name);
    return { value, name, aliases: [...new Set(sourceNames(value))].filter((s) => s !== name) };
  });
}

function sourceNames({ name, producer }: Value): string[] {
  return [producer?.modulePath ?? '', producer?.name ?? '', name].filter((s) => s !== '');
}

function baseName(value: Value): string {
  const first = sourceNames(value)[0] ?? '';
  // TorchScript calls what belongs to no module "/Relu_1".
  const name =
    first.startsWith('/') && first.indexOf('/', 1) < 0 && first.length > 1 ? first.slice(1) : first;
  return /^[\d.]+$/.test(name) && value.producer !== null ? `${value.producer.opType}_${name}` : name;
}
