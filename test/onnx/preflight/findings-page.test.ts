import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../src/onnx/preflight/finding.ts';
import { RULES } from '../../../src/onnx/preflight/registry.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

interface Tool {
  findingsPage(rules: readonly Rule[]): string;
}

describe('docs/findings.md', () => {
  it('is current: run npm run build, then node tools/findings-page.mjs', async () => {
    const { findingsPage } = (await import(at('tools/findings-page.mjs'))) as Tool;
    expect(readFileSync(at('docs/findings.md'), 'utf8')).toBe(findingsPage(RULES));
  });

  it('has a heading for every id, which anchors lead to', () => {
    const page = readFileSync(at('docs/findings.md'), 'utf8');
    const ids = [...page.matchAll(/^## (SPLITZ\d{3})$/gm)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(RULES.map(({ id }) => id))]);
  });
});
