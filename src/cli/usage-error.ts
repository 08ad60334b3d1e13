/** What yargs refuses, in words: what was written, and what may have been meant. */
import { UsageError } from '../ground/errors.ts';
import { didYouMean } from '../ground/near-names.ts';
import { COMMAND_NAMES, CONFIG_COMMANDS, optionNamesOf } from './command-table.ts';

/** Commands whose first argument is a result file. */
const OF_RESULTS = ['verify', 'replay', 'explain', 'report', 'compare'];

const HELP = 'See splitz-onnx --help, or splitz-onnx COMMAND --help.';

/**
 * @param message of yargs, in English
 * @param args the command line
 */
export function usageError(message: string, args: readonly string[]): UsageError {
  const command = args.find((word) => COMMAND_NAMES.includes(word));
  if (/^Unknown (?:argument|command)s?: /u.test(message)) return unknownWord(message, args, command);
  if (message.startsWith('Not enough non-option arguments')) {
    return new UsageError({ what: `the ${missingArgument(command)} is missing`, remedy: helpOf(command) });
  }
  const valueless = /^(?:Not enough arguments following|Missing argument value): (\S+)/u.exec(message)?.[1];
  if (valueless !== undefined) {
    return new UsageError({
      what: `--${valueless} has no value`,
      remedy: `Write one behind it, or omit --${valueless}. ${helpOf(command)}`,
    });
  }
  return unknownChoice(message, command) ?? new UsageError({ what: message, remedy: HELP });
}

const helpOf = (command: string | undefined): string =>
  command === undefined ? 'splitz-onnx --help lists all commands.' : `See splitz-onnx ${command} --help.`;

function missingArgument(command: string | undefined): string {
  if (command === 'completion') return 'shell';
  return `${OF_RESULTS.includes(command ?? '') ? 'result' : 'model'} file`;
}

function unknownWord(message: string, args: readonly string[], command: string | undefined): UsageError {
  const unknown = message.slice(message.indexOf(': ') + 2).split(', ');
  const option = unknownOption(unknown, args);
  if (option !== undefined) {
    const [dashes, name] = option;
    const help = command === undefined ? helpOf(command) : `See splitz-onnx ${command} --help --all.`;
    return new UsageError({
      what: `${command ?? 'splitz-onnx'} has no option ${dashes}${name}`,
      remedy: `${didYouMean(name, optionNamesOf(command), (near) => `${dashes === '--no-' ? dashes : '--'}${near}`)}${help}`,
    });
  }
  const [word = ''] = unknown;
  if (command === undefined) {
    return new UsageError({
      what: `there is no command ${word}`,
      remedy: `${didYouMean(word, COMMAND_NAMES)}${helpOf(command)}`,
    });
  }
  if (command === 'config') {
    return new UsageError({
      what: `there is no command config ${word}`,
      remedy: `${didYouMean(word, CONFIG_COMMANDS, (near) => `config ${near}`)}${helpOf(command)}`,
    });
  }
  return new UsageError({
    what: `${command} has one argument too many: ${word}`,
    remedy: `Omit it. ${helpOf(command)}`,
  });
}

/** The first unknown option as it was typed: its dashes, and its name. "-sigma" is five options to yargs. */
function unknownOption(
  unknown: readonly string[],
  args: readonly string[],
): readonly [dashes: string, name: string] | undefined {
  for (const word of args) {
    const [, dashes = '', name = ''] = /^(--no-|--|-)([^=]+)/u.exec(word) ?? [];
    const letters = dashes === '-' && [...name].some((letter) => unknown.includes(letter));
    if (name !== '' && (unknown.includes(name) || letters)) return [dashes, name];
    if (dashes === '--no-' && unknown.includes(`no-${name}`)) return ['--', `no-${name}`];
  }
  return undefined;
}

/** An option with a list of values has another one. */
function unknownChoice(message: string, command: string | undefined): UsageError | null {
  const [, name, given, list] = /Argument: (\S+), Given: "(.*)", Choices: (".*")/u.exec(message) ?? [];
  if (name === undefined || given === undefined || list === undefined) return null;
  const choices = [...list.matchAll(/"([^"]*)"/gu)].map(([, choice]) => choice ?? '');
  return new UsageError({
    what: `${optionNamesOf(command).includes(name) ? `--${name}` : name} cannot be '${given}'`,
    why: `it is one of ${choices.join(', ')}`,
    remedy: `${didYouMean(given, choices)}${helpOf(command)}`,
  });
}
