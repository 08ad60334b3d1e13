/** JSON Schema of a config file, made from the options of the commands. Published as `splitz.config.schema.json`. */
import type { Options } from 'yargs';
import type { JsonSchema } from '../../ground/json-schema.ts';
import { SECTIONS, SHARED } from './configurable.ts';
import type { OptionTable } from './option-table.ts';

/** Lists of numbers, which the command line takes as text with commas. */
const NUMBER_LISTS = new Set(['mean', 'std']);

/** What a value of an option may be. */
export function valueSchema(name: string, options: Options): JsonSchema {
  const description = options.describe ?? name;
  const choice = options.choices && { enum: options.choices.map(String) };
  if (options.array === true) return { description, type: 'array', items: choice ?? { type: 'number' } };
  if (choice !== undefined) return { description, ...choice };
  if (options.type === 'number' || options.type === 'boolean') return { description, type: options.type };
  if (NUMBER_LISTS.has(name)) {
    return { description, anyOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }] };
  }
  // A cut's index, a schedule that is one number.
  return { description, anyOf: [{ type: 'string' }, { type: 'number' }] };
}

/** A value as yargs delivers the option: text where it expects text. */
export function optionValue(
  value: unknown,
  options: Options,
): string | number | boolean | readonly number[] | readonly string[] {
  if (options.array === true) return value as readonly number[] | readonly string[];
  if (options.type === 'number' || options.type === 'boolean') return value as number | boolean;
  return Array.isArray(value) ? value.join(',') : String(value);
}

const properties = (table: OptionTable): { [key: string]: JsonSchema } =>
  Object.fromEntries([...table].map(([name, options]) => [name, valueSchema(name, options)]));

export function configSchema(): JsonSchema & { readonly $schema: string; readonly title: string } {
  const sections = [...SECTIONS].map(([name, { options }]): [string, JsonSchema] => [
    name,
    {
      description: `Settings of ${name} alone; they override those at the top.`,
      type: 'object',
      properties: properties(options),
      additionalProperties: false,
    },
  ]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'splitz.config.yaml or splitz.config.json of splitz-onnx',
    description:
      'Settings at the top apply to every command that has them (train takes those of model and data only, report none).',
    type: 'object',
    properties: {
      $schema: { description: 'Location of this schema, for editors.', type: 'string' },
      ...properties(SHARED),
      ...Object.fromEntries(sections),
    },
    additionalProperties: false,
  };
}
