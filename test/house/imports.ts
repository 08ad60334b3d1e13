/** The imports of src/, types too, which the running program does not have. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../src');

/** Every source file below src/ and what it imports: our own files by path below src/, packages by name. */
export function importsOfSource(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]));
}

/** Import and export statements, and calls of import(): the formatter writes them one way only. */
const SPECIFIER = /(?:^|\n)(?:import|export)\b[^;']*?'([^']+)'|\bimport\('([^']+)'\)/g;

/** What one file imports. @param file its path below src/ */
export const importsOf = (file: string, text: string): string[] =>
  [...text.matchAll(SPECIFIER)]
    .map(([, statement, call]) => statement ?? call ?? '')
    .filter((name) => name.startsWith('.') || !name.includes(' '))
    .map((name) => (name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name));
