/** Settings asked of a method, checked against those it has. */
import { UsageError } from '../ground/errors.ts';
import { violation } from '../ground/json-schema.ts';
import type { Asked, Method } from './method.ts';

/**
 * @throws UsageError for a setting that the method does not have, unless it stands in a config file or the environment, which
 *   serve many commands; and for a value that the setting cannot have
 */
export function askedOf({ name, settings, foreign }: Method, asked: Asked): Asked {
  const known = settings.json.properties ?? {};
  const kept: Record<string, Asked[string]> = {};
  for (const [setting, given] of Object.entries(asked)) {
    if (given === undefined) continue;
    const schema = known[setting];
    if (schema === undefined) {
      if (given.origin === 'config file' || given.origin === 'environment') continue;
      throw new UsageError({
        what: `${option(setting)} does not go with --method ${name}`,
        why: `its settings are ${Object.keys(known).join(', ')}`,
        remedy: 'Omit it, or choose another --method.',
        ...foreign(setting),
      });
    }
    const problem = violation(schema, given.value, 'it');
    if (problem !== null) {
      throw new UsageError({
        what: `${option(setting)} is ${typeof given.value === 'string' ? `'${given.value}'` : String(given.value)}`,
        why: problem.replace('it: ', 'it ').replace('is not an integer', 'is not a whole number'),
        remedy: `Give ${option(setting)} another value, or omit it.`,
      });
    }
    kept[setting] = given;
  }
  return kept;
}

const option = (setting: string): string =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
