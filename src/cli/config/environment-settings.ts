/**
 * Settings from the environment: SPLITZ_SIGMA for every command that has it, SPLITZ_CERTIFY_N0 for one. A variable of that prefix
 * that names no setting is refused: a misspelt one would go unnoticed.
 */
import { UsageError } from '../../ground/errors.ts';
import { didYouMean } from '../../ground/near-names.ts';
import { type ConfigEntry, checkedValue } from './config-file.ts';
import { SECTIONS, SHARED } from './configurable.ts';

const PREFIX = 'SPLITZ_';
/** Names the config file. */
export const CONFIG_VARIABLE = 'SPLITZ_CONFIG';

const variable = (...words: readonly string[]): string =>
  PREFIX + words.join('_').toUpperCase().replaceAll('-', '_');

/** Every variable there is. */
function variables(): ReadonlyMap<string, Pick<ConfigEntry, 'section' | 'option'>> {
  const known = new Map<string, Pick<ConfigEntry, 'section' | 'option'>>();
  for (const option of SHARED.keys()) known.set(variable(option), { section: null, option });
  for (const [section, { options }] of SECTIONS) {
    for (const option of options.keys()) known.set(variable(section, option), { section, option });
  }
  return known;
}

export function readEnvironment(env: NodeJS.ProcessEnv): ConfigEntry[] {
  const known = variables();
  return Object.entries(env).flatMap(([name, text]) => {
    if (!name.startsWith(PREFIX) || name === CONFIG_VARIABLE || text === undefined) return [];
    const target = known.get(name);
    if (target === undefined) {
      throw new UsageError({
        what: `the environment variable ${name} names no setting`,
        remedy: `${didYouMean(name, [...known.keys()])}Unset it, or see \`splitz-onnx config schema\` for all settings.`,
      });
    }
    const { section, option } = target;
    const options = section === null ? SHARED.get(option) : SECTIONS.get(section)?.options.get(option);
    if (options === undefined) throw new Error(`${name} has no option`);
    const numbers = options.type === 'number';
    const value =
      options.array === true
        ? text.split(',').map(numberOrText)
        : numbers
          ? numberOrText(text)
          : options.type === 'boolean'
            ? ({ true: true, false: false }[text] ?? text)
            : text;
    return [{ section, option, value: checkedValue(option, options, value, name), where: name }];
  });
}

/** The number written, or the text for the refusal to show. */
function numberOrText(text: string): number | string {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? text : value;
}
