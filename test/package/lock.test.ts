/** package-lock.json is what package.json asks for, and says nothing of the registry it was made with. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFolder } from '../cli/command-line.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
}
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Entry>> };

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = newFolder());
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(ROOT, file), join(folder, file));
});
afterEach(() => remove());

/** `npm ci` without network, up to the point where it would unpack. */
function cleanInstall(): { readonly code: number | null; readonly text: string } {
  const args = ['ci', '--dry-run', '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache')];
  // The npm that runs the tests hands its own settings down, as variables.
  const env = Object.entries(process.env).filter(([name]) => !/^npm_/iu.test(name));
  const shell = process.platform === 'win32';
  const { status, stdout, stderr } = spawnSync('npm', args, {
    ...{ cwd: folder, encoding: 'utf8', shell },
    env: Object.fromEntries(env),
  });
  return { code: status, text: `${stdout}${stderr}` };
}

describe('package-lock.json', () => {
  it('is in step with package.json: npm ci takes it, without a warning', () => {
    const { code, text } = cleanInstall();
    expect([code, text]).toEqual([0, expect.not.stringContaining('npm warn')]);
  });

  it('would be refused with another version in package.json', () => {
    const other = read('package.json').replace(/"fflate": "[^"]*"/u, '"fflate": "0.8.2"');
    writeFileSync(join(folder, 'package.json'), other);
    expect(cleanInstall().code).not.toBe(0);
  });

  it('names a version and a digest for every package, and no address', () => {
    const entries = Object.entries(packages).filter(([place]) => place !== '');
    expect(entries.length).toBeGreaterThan(100);
    for (const [place, { version, integrity, resolved }] of entries) {
      expect([place, version]).toEqual([place, expect.stringMatching(/^\d+\.\d+\.\d+/u)]);
      expect([place, integrity]).toEqual([place, expect.stringMatching(/^sha512-/u)]);
      expect([place, resolved]).toEqual([place, undefined]);
    }
  });

  it('repeats package.json, whose versions are exact', () => {
    const manifest = JSON.parse(read('package.json')) as Readonly<Record<string, unknown>>;
    const fields = [
      'name',
      'version',
      'dependencies',
      'devDependencies',
      'peerDependencies',
      'engines',
      'bin',
    ];
    const of = (from: object) =>
      Object.fromEntries(Object.entries(from).filter(([key]) => fields.includes(key)));
    expect(of(packages[''] as object)).toEqual(of(manifest));
    const versions = Object.values({
      ...(manifest['dependencies'] as object),
      ...(manifest['devDependencies'] as object),
    });
    for (const version of versions) expect(version).toMatch(/^\d+\.\d+\.\d+$/u);
  });
});
