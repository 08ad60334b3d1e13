/**
 * Reads `splitz.config.yaml` (or .yml, .json): every setting with its line. An unknown key, an invalid value and a key given
 * twice are refused, naming the line.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, visit, type YAMLMap } from 'yaml';
import { UsageError } from '../../ground/errors.ts';
import { violation } from '../../ground/json-schema.ts';
import { didYouMean } from '../../ground/near-names.ts';
import { SECTIONS, SHARED } from './configurable.ts';
import type { OptionTable } from './option-table.ts';
import { optionValue, valueSchema } from './schema.ts';

export type OptionValue = ReturnType<typeof optionValue>;

/** One setting from outside the command line. */
export interface ConfigEntry {
  /** The command it is for; null for all that have it. */
  readonly section: string | null;
  readonly option: string;
  readonly value: OptionValue;
  /** File and line, or the variable. */
  readonly where: string;
}

const NAMES = ['splitz.config.yaml', 'splitz.config.yml', 'splitz.config.json'] as const;

/** The config file of a folder, or null. Throws UsageError when there are two. */
export function findConfigFile(folder: string): string | null {
  const found = NAMES.map((name) => join(folder, name)).filter((path) => existsSync(path));
  const [first, second] = found;
  if (second === undefined || first === undefined) return first ?? null;
  throw new UsageError({
    what: 'there are two config files',
    where: folder,
    why: found.map((path) => relative(folder, path)).join(' and '),
    remedy: 'Keep one of them, or name one with --config FILE.',
  });
}

export function readConfigFile(path: string): ConfigEntry[] {
  const text = textOf(path);
  const lines = new LineCounter();
  if (path.toLowerCase().endsWith('.json')) requireJson(text, path);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined): string => `${path}, line ${lines.linePos(offset ?? 0).line}`;
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw new UsageError({
      what: 'the config file cannot be read',
      where: at(problem.pos[0]),
      why: problem.message,
      remedy: 'Correct that line; a setting is written as `sigma: 0.5`.',
    });
  }
  // An alias may name nothing, what it stands in itself, or more than there is memory for.
  visit(document, {
    Alias(_, { source, range }) {
      throw new UsageError({
        what: `the alias '*${source}' is not read in a config file`,
        where: at(range?.[0]),
        remedy: 'Write the value itself.',
      });
    },
  });
  const root = document.contents;
  if (root === null) return [];
  const plain = (node: unknown): unknown => (node as Node).toJS(document);
  const reader = { at, plain };
  return pairsOf(root, 'the config file', reader).flatMap(({ key, pair, where }) => {
    if (key === '$schema') return [];
    const section = SECTIONS.get(key);
    if (section === undefined) return [entryOf(null, SHARED, key, pair, where, reader)];
    return pairsOf(pair.value, `'${key}'`, reader).map((inner) =>
      entryOf(key, section.options, inner.key, inner.pair, inner.where, reader),
    );
  });
}

interface Reader {
  /** File and line of an offset. */
  readonly at: (offset: number | undefined) => string;
  readonly plain: (node: unknown) => unknown;
}

interface KeyedPair {
  readonly key: string;
  readonly pair: Pair;
  readonly where: string;
}

function pairsOf(node: unknown, what: string, { at }: Reader): KeyedPair[] {
  if (node === null || (isScalar(node) && node.value === null)) return [];
  if (!isMap(node)) {
    throw new UsageError({
      what: `${what} is not a list of settings`,
      where: at((node as Node).range?.[0]),
      remedy: 'Write one setting per line, as in `sigma: 0.5`.',
    });
  }
  return (node as YAMLMap).items.map((pair) => {
    const { key } = pair;
    const where = at((key as Node | null)?.range?.[0]);
    return { key: isScalar(key) ? String(key.value) : '', pair, where };
  });
}

function entryOf(
  section: string | null,
  table: OptionTable,
  key: string,
  pair: Pair,
  where: string,
  { plain }: Reader,
): ConfigEntry {
  const options = table.get(key);
  if (options === undefined) throw unknownSetting(section, key, where);
  const value = pair.value === null ? null : plain(pair.value);
  return { section, option: key, value: checkedValue(key, options, value, where), where };
}

/** Throws UsageError naming `where`. */
export function checkedValue(
  option: string,
  options: NonNullable<ReturnType<OptionTable['get']>>,
  value: unknown,
  where: string,
): OptionValue {
  const problem = violation(valueSchema(option, options), value, option);
  if (problem === null) return optionValue(value, options);
  throw new UsageError({
    what: `${option} cannot be ${JSON.stringify(value)}`,
    where,
    why: problem,
    remedy:
      options.describe === undefined
        ? 'See `splitz-onnx config schema`.'
        : `Give another value for: ${options.describe}.`,
  });
}

function unknownSetting(section: string | null, key: string, where: string): UsageError {
  const known =
    section === null
      ? [...SHARED.keys(), ...SECTIONS.keys()]
      : [...(SECTIONS.get(section)?.options.keys() ?? [])];
  const owners =
    section === null ? [...SECTIONS].filter(([, { options }]) => options.has(key)).map(([name]) => name) : [];
  return new UsageError({
    what: `'${key}' is not a setting${section === null ? '' : ` of ${section}`}`,
    where,
    ...(owners.length === 0 ? {} : { why: `it belongs to a section: ${owners.join(', ')}` }),
    remedy:
      owners.length === 0
        ? `${didYouMean(key, known, (near) => `'${near}'`)}\`splitz-onnx config schema\` lists all settings.`
        : `Write it below '${owners[0]}:'.`,
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError({
      what: 'the config file cannot be read',
      where: path,
      why: (cause as Error).message,
      remedy: 'Check the path given with --config or SPLITZ_CONFIG.',
      cause,
    });
  }
}

/** YAML accepts comments and the like, which other readers of a .json file would not. */
function requireJson(text: string, path: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new UsageError({
      what: 'the config file is not JSON',
      where: path,
      why: (cause as Error).message,
      remedy: 'Correct it, or name it .yaml.',
      cause,
    });
  }
}
