/**
 * Names of the model's classes, for people: --class-names, else the model's metadata (splitz.class_names), else the data
 * set. A file of names is text with one name per line, a JSON array, or a label map: {"0": "cat", …}, {"cat": 0, …}, Keras'
 * {"0": ["n02123045", "tabby"], …}, a Hugging Face config.json with "id2label", or a dictionary as Python prints it, {0: 'cat', …}.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Dataset } from '../datasets/dataset.ts';
import { UsageError } from '../ground/errors.ts';
import type { Model } from '../onnx/model/model.ts';

/** Null where there are none. Throws UsageError when names are given that do not name every class once. */
export async function classNamesFor(
  flag: string | undefined,
  { metadata }: Model,
  data: Dataset,
  classes: number,
): Promise<readonly string[] | null> {
  if (flag !== undefined) return checked(await namesOf(flag), classes, `--class-names ${flag}`);
  const text = metadata.get('splitz.class_names');
  if (text !== undefined) {
    const where = 'model metadata splitz.class_names';
    return checked(parsed(text, where), classes, where);
  }
  // A data set may have more or fewer classes than the model; then its names do not apply.
  return data.classNames?.length === classes ? data.classNames : null;
}

/** The names in a file, or in the list itself: "cat,dog". */
async function namesOf(flag: string): Promise<string[]> {
  try {
    return parsed(await readFile(flag, 'utf8'), flag);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (flag.includes(',')) return flag.split(',').map((name) => name.trim());
    throw new UsageError({
      what: `the class names cannot be read from ${flag}`,
      why: (cause as Error).message,
      remedy: 'Give a file of names, or the names themselves separated by commas.',
      cause,
    });
  }
}

const FORMS =
  'Write ["cat", "dog"], {"0": "cat", "1": "dog"}, or one name per line, or give the config.json of a Hugging Face model.';

function parsed(text: string, where: string): string[] {
  const trimmed = text.replace('\ufeff', '').trim();
  if (!/^[[{]/.test(trimmed)) return trimmed.split(/\r?\n/).map((line) => line.trim());
  const value = withoutConfig(structureOf(trimmed, where));
  const names = Array.isArray(value) ? value.map(nameOf) : fromMap(value as Record<string, unknown>);
  if (names.every((name) => name !== null)) return names;
  throw new UsageError({
    what: 'the label map does not give each class, from 0 up, exactly one name',
    where,
    remedy: FORMS,
  });
}

/** JSON; or a list or dictionary as Python prints it, {0: 'tench', 1: "king's"}, which is YAML where nothing is escaped. */
function structureOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const python = text.includes('\\') ? null : fromPython(text);
    if (python !== null) return python;
    throw new UsageError({
      what: 'the class names are neither valid JSON nor a list or dictionary of Python',
      where,
      why: (cause as Error).message,
      remedy: FORMS,
      cause,
    });
  }
}

/** Null where the text is something else. */
function fromPython(text: string): object | null {
  try {
    const value: unknown = parse(text, {
      strict: true,
      uniqueKeys: true,
      maxAliasCount: 0,
      logLevel: 'error',
    });
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** The names of a Hugging Face model lie under "id2label" of its config.json. */
function withoutConfig(value: unknown): unknown {
  const names = (value as Readonly<Record<string, unknown>>)['id2label'];
  return typeof names === 'object' && names !== null ? names : value;
}

/** A name itself, or the last of several (Keras: WordNet id, name). */
function nameOf(value: unknown): string | null {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' ? last : null;
}

/** Index to name, or name to index; null where an index has no name. */
function fromMap(map: Readonly<Record<string, unknown>>): (string | null)[] {
  const entries = Object.entries(map);
  const byIndex = entries.every(([key]) => /^\d+$/.test(key))
    ? new Map(entries.map(([key, value]) => [Number(key), nameOf(value)]))
    : new Map(entries.map(([key, value]) => [Number(value), key]));
  return Array.from({ length: entries.length }, (_, k) => byIndex.get(k) ?? null);
}

function checked(names: readonly string[], classes: number, where: string): readonly string[] {
  if (names.length === classes) return names;
  throw new UsageError({
    what: `${names.length} class names for a model of ${classes} classes`,
    where,
    remedy: 'Name every class once, in the order of the outputs.',
  });
}
