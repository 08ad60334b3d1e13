/** docs/operators.md says what the registry, the node tests and the random models of every operator say. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { supportedTypes } from '../../src/operators/supported-types.ts';
import { compiled } from './compiled.ts';
import { makers } from './one-operator.ts';
import { randomSource } from './random.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(at(`test/fixtures/${name}`), 'utf8')) as Record<string, unknown>;

interface Tool {
  operatorsOf(modules: readonly (readonly [string, object])[]): readonly { readonly type: string }[];
  coveragePage(parts: {
    types: readonly string[];
    operators: readonly object[];
    counts: object;
    bounds: object;
  }): string;
}

/** How the operator's own nodes entered the left half over many random models. */
function boundsOf(type: string): string[] {
  const kinds = new Set<string>();
  for (let variant = 0; variant < 24; variant++) {
    const model = (makers[type] as (typeof makers)[string])(randomSource(1000 * variant + type.length));
    const own = compiled(model).steps.filter((step) => step.node.opType === type);
    for (const { nonlinearity } of own) kinds.add(nonlinearity.kind);
    if (own.length === 0) kinds.add(type === 'Constant' || type === 'Shape' ? 'constant' : 'affine');
  }
  // A Max or Min whose step is the other's is none of its own, but no affine map.
  if (kinds.has('vector')) kinds.delete('affine');
  return [...kinds].sort();
}

describe('the coverage table', () => {
  it('names the kinds of bound that random models of each operator meet', async () => {
    const bounds = Object.fromEntries(supportedTypes().map((type) => [type, boundsOf(type)]));
    // vitest -u takes over new operators.
    await expect(`${JSON.stringify(bounds, null, 2)}\n`).toMatchFileSnapshot(
      '../fixtures/operator-bounds.json',
    );
  });

  it('in docs/operators.md is current: run npm run build, then node tools/coverage-table.mjs', async () => {
    const path = at('tools/coverage-table.mjs');
    const { operatorsOf, coveragePage } = (await import(path)) as Tool;
    const files = readdirSync(at('src/operators')).filter((file) => file.endsWith('.ts'));
    const modules = await Promise.all(
      files.map(
        async (file) => [file.slice(0, -3), (await import(at(`src/operators/${file}`))) as object] as const,
      ),
    );
    const operators = operatorsOf(modules);
    expect([...operators.map(({ type }) => type), 'Constant'].sort()).toEqual(supportedTypes());
    const page = coveragePage({
      types: supportedTypes(),
      operators,
      counts: fixture('conformance-counts.json'),
      bounds: fixture('operator-bounds.json'),
    });
    expect(readFileSync(at('docs/operators.md'), 'utf8')).toBe(page);
  });
});
