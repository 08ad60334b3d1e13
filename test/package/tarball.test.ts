/** What `npm pack` puts into the tarball. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import '../cli/command-line.ts'; // refuses a build of other sources

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Packed {
  readonly files: readonly { readonly path: string; readonly size: number }[];
}
const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
  ...{ cwd: ROOT, encoding: 'utf8', shell: process.platform === 'win32' },
});
const packs = JSON.parse(stdout || 'null') as readonly Packed[] | Readonly<Record<string, Packed>> | null;
if (packs === null) throw new Error(`npm pack failed: ${stderr}`);
const files = new Map(Object.values(packs)[0]?.files.map(({ path, size }) => [path, size]));

/** Targets of a page's links within the project, from its root. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/gu)].map(([, target]) =>
    normalize(join(dirname(page), target ?? '')),
  );
}

describe('the tarball', () => {
  const pages = [...files.keys()].filter((file) => file.endsWith('.md'));

  it('has README, licence, changelog, security policy and docs', () => {
    const expected = ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs/certificates.md'];
    expect([...files.keys()]).toEqual(expect.arrayContaining(expected));
  });

  it.each(pages)('has every file that %s links to', (page) => {
    expect(linksOf(page).filter((target) => !files.has(target))).toEqual([]);
  });

  it('would miss a file that is left out', () => {
    expect(linksOf('README.md')).toContain(normalize('docs/audit.md'));
    expect(files.has('docs/absent.md')).toBe(false);
  });

  it('has every file that package.json names', () => {
    const manifest = readFileSync(join(ROOT, 'package.json'), 'utf8');
    const named = [...manifest.matchAll(/"\.?\/?(dist\/[^"]+)"/gu)].map(([, file]) => file ?? '');
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((file) => !files.has(file))).toEqual([]);
  });

  it('has neither sources, tests nor tools', () => {
    expect([...files.keys()].filter((file) => /^(?:src|test|tools|node_modules)\//u.test(file))).toEqual([]);
  });
});
