/** Where the options of one call come from: command line, then environment, then config file. Defaults are yargs' own. */
import type { Options } from 'yargs';
import { Parser } from 'yargs/helpers';
import { UsageError } from '../../ground/errors.ts';
import type { OptionOrigin, OptionOrigins } from '../../methods/sourced.ts';
import { type ConfigEntry, findConfigFile, type OptionValue, readConfigFile } from './config-file.ts';
import { SECTIONS } from './configurable.ts';
import { CONFIG_VARIABLE, readEnvironment } from './environment-settings.ts';

export interface OutsideSetting {
  readonly value: OptionValue;
  readonly origin: Exclude<OptionOrigin, 'flag'>;
  /** File and line, or variable. */
  readonly where: string;
}

export interface OptionSources {
  /** The command that takes them: the one called, or the one that `config show` is asked about; null when none does. */
  readonly command: string | null;
  /** The config file read, or null. */
  readonly file: string | null;
  /** Values from file and environment for the command, by option; the command line may override them. */
  readonly outside: ReadonlyMap<string, OutsideSetting>;
  /** The origins of the options that were set. */
  readonly origins: OptionOrigins;
}

const NOTHING: OptionSources = { command: null, file: null, outside: new Map(), origins: new Map() };

/**
 * @param args the command line after the program's name
 * @param folder where `splitz.config.*` is looked for
 * @throws UsageError for a config file or variable that is not valid, even in parts that the command does not take
 */
export function optionSources(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  folder: string,
): OptionSources {
  const words = Parser([...args], { string: ['config'], boolean: ['debug'] });
  const [first, second, third] = words._.map(String);
  const command = first === 'config' && second === 'show' ? (third ?? 'certify') : first;
  const section = command === undefined ? undefined : SECTIONS.get(command);
  if (command === undefined || section === undefined) return NOTHING;
  const file = configFile(words['config'], env, folder);
  const outside = new Map<string, OutsideSetting>();
  const take = (entries: readonly ConfigEntry[], origin: OutsideSetting['origin']): void => {
    const own = entries.filter((entry) => entry.section === command);
    const shared = entries.filter((entry) => entry.section === null && section.shared.has(entry.option));
    for (const { option, value, where } of [...shared, ...own]) outside.set(option, { value, origin, where });
  };
  if (file !== null) take(readConfigFile(file), 'config file');
  take(readEnvironment(env), 'environment');
  const origins = new Map<string, OptionOrigin>([...outside].map(([option, { origin }]) => [option, origin]));
  for (const option of flagsIn(args, section.options)) origins.set(option, 'flag');
  return { command, file, outside, origins };
}

/** The options that the command line itself names. */
function flagsIn(args: readonly string[], table: ReadonlyMap<string, Options>): string[] {
  const named = (test: (options: Options) => boolean): string[] =>
    [...table].filter(([, options]) => test(options)).map(([name]) => name);
  const parsed = Parser([...args], {
    string: named(({ type }) => type === 'string'),
    number: named(({ type }) => type === 'number'),
    boolean: named(({ type }) => type === 'boolean'),
    array: named(({ array }) => array === true),
    narg: Object.fromEntries([...table].flatMap(([name, { nargs }]) => (nargs ? [[name, nargs]] : []))),
    alias: Object.fromEntries(
      [...table].flatMap(([name, { alias }]) => (alias ? [[name, [alias].flat()]] : [])),
    ),
    // Without this an absent option would be set to the empty value of its type.
    configuration: { 'set-placeholder-key': false },
  });
  const camelCase = (name: string): string =>
    name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return [...table.keys()].filter(
    (name) => parsed[name] !== undefined || parsed[camelCase(name)] !== undefined,
  );
}

/** `--config`, else SPLITZ_CONFIG, else the one in the folder; `--no-config` is none. */
function configFile(asked: unknown, env: NodeJS.ProcessEnv, folder: string): string | null {
  if (asked === false) return null;
  if (asked === '') {
    throw new UsageError({ what: '--config needs a file', remedy: 'Write --config splitz.config.yaml.' });
  }
  if (typeof asked === 'string') return asked;
  return env[CONFIG_VARIABLE] || findConfigFile(folder);
}
