import { describe, expect, it } from 'vitest';
import { importsOf, importsOfSource } from './imports.ts';

/** From the roof down. A room imports from floors below its own, and from itself; rooms of one floor do not import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['cli'],
  ['runs'],
  ['report'],
  ['attack', 'verification', 'inspection', 'attestation'],
  ['methods'],
  ['lipschitz', 'training'],
  ['operators', 'statistics'],
  ['onnx', 'datasets', 'smoothing', 'records'],
  ['ground'],
];
const height = new Map(FLOORS.flatMap((rooms, k) => rooms.map((room) => [room, FLOORS.length - k] as const)));
const roomOf = (file: string): string => file.split('/')[0] ?? '';

type Imports = ReadonlyMap<string, readonly string[]>;

/** "a/x.ts imports b/y.ts" for every import that does not go down. The library's entrance may open any door. */
function upward(imports: Imports): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => target.endsWith('.ts') && file !== 'index.ts')
      .filter((target) => roomOf(target) !== roomOf(file))
      .filter((target) => !((height.get(roomOf(file)) ?? 0) > (height.get(roomOf(target)) ?? Infinity)))
      .map((target) => `${file} imports ${target}`),
  );
}

/** Files on a circle of imports, types included; empty when there is none. */
function circle(imports: Imports): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    if (state.get(file) === 'done') return [];
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    state.set(file, 'open');
    path.push(file);
    for (const target of imports.get(file) ?? []) {
      const found = visit(target);
      if (found.length > 0) return found;
    }
    path.pop();
    state.set(file, 'done');
    return [];
  };
  for (const file of imports.keys()) {
    const found = visit(file);
    if (found.length > 0) return found;
  }
  return [];
}

describe('the house', () => {
  const imports = importsOfSource();

  it('has no room without a floor', () => {
    const rooms = new Set([...imports.keys()].filter((file) => file.includes('/')).map(roomOf));
    expect([...rooms].filter((room) => !height.has(room))).toEqual([]);
    expect([...height.keys()].filter((room) => !rooms.has(room))).toEqual([]);
  });

  it('imports downwards only', () => {
    expect(upward(imports)).toEqual([]);
  });

  it('has no circle of imports, types included', () => {
    expect(circle(imports)).toEqual([]);
  });

  it('notices an upward import, one between rooms of a floor, and a circle', () => {
    const added = (file: string, text: string) =>
      new Map([...imports, [file, [...(imports.get(file) ?? []), ...importsOf(file, text)]]]);
    expect(
      upward(added('smoothing/sampler.ts', "import type { Method } from '../methods/method.ts';")),
    ).toEqual(['smoothing/sampler.ts imports methods/method.ts']);
    expect(upward(added('onnx/cuts.ts', "export * from '../records/record.ts';"))).toEqual([
      'onnx/cuts.ts imports records/record.ts',
    ]);
    expect(circle(added('ground/errors.ts', "import type { Sweep } from './system-error.ts'"))).toEqual([]);
    expect(
      circle(added('operators/algebra/sweep.ts', "import type { Windows } from './window.ts'")),
    ).not.toEqual([]);
  });
});
