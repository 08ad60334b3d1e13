#!/usr/bin/env node
/** The program: reads the command line, renders errors, sets the exit code. Results go to stdout, everything else to stderr. */
import { hideBin } from 'yargs/helpers';
import { commandLine } from './command-line.ts';
import { offers } from './completion/offers.ts';
import { COMPLETE } from './completion/shells.ts';
import { optionSources } from './config/sources.ts';
import { exitCodeOf } from './exit.ts';
import { joinedRequirements } from './joined-requirements.ts';
import { errorJson, renderError } from './terminal/report-error.ts';
import { screenOf } from './terminal/style.ts';

const words = hideBin(process.argv);
// The program alone lists what it can do.
const args = words.length === 0 ? ['--help'] : joinedRequirements(words);
const asked = (flag: string): boolean => args.includes(`--${flag}`);

try {
  if (words[0] === COMPLETE) {
    process.stdout.write(offers(words.slice(1)).join('\n'));
  } else {
    const sources = optionSources(args, process.env, '.');
    await commandLine(args, sources).parseAsync();
  }
} catch (error) {
  const text = asked('json')
    ? errorJson(error, asked('debug'))
    : renderError(error, screenOf(process.stderr, process.env).style, asked('debug'));
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  process.exitCode = exitCodeOf(error);
}
