/** A program that uses the package, type-checked in a folder of its own against the declarations of dist/. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from '../../tools/binary.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The options of a strict project for Node: no library of the browser, and the declarations of packages are checked, too. */
export const STRICT = {
  strict: true,
  skipLibCheck: false,
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2022'],
  noEmit: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  types: ['node'],
};

/** Puts the package into `folder` as an install would: its declarations, the packages it depends on, and no other. */
export function install(folder: string): void {
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'splitz-onnx');
  mkdirSync(own, { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(own, 'package.json'));
  cpSync(join(ROOT, 'dist'), join(own, 'dist'), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
}

/** What tsc says about `program` in a folder where the package is installed: one line per error, none when it compiles. */
export function typeErrors(folder: string, program: string, options: object = {}): string[] {
  writeFileSync(join(folder, 'program.ts'), program);
  const config = { compilerOptions: { ...STRICT, ...options }, files: ['program.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [binary('tsc', 'typescript'), '--pretty', 'false', '-p', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  const lines = stdout.split('\n').filter((line) => line.includes('error TS'));
  if (status !== 0 && lines.length === 0) throw new Error(`tsc failed: ${stdout}${stderr}`);
  return lines;
}
