#!/usr/bin/env node
/** The program: reads the command line, renders errors, sets the exit code. Results go to stdout, everything else to stderr. */
import { hideBin } from 'yargs/helpers';
import { ExitCode } from '../ground/errors.ts';
import { commandLine } from './command-line.ts';
import { optionSources } from './config/sources.ts';
import { exitCodeOf } from './exit.ts';
import { joinedRequirements } from './joined-requirements.ts';
import { errorJson, renderError } from './terminal/report-error.ts';
import { guardStreams, markTold, outputWasLost } from './terminal/streams.ts';
import { screenOf } from './terminal/style.ts';

guardStreams();
const args = joinedRequirements(hideBin(process.argv));
const asked = (flag: string): boolean => args.includes(`--${flag}`);

try {
  const sources = optionSources(args, process.env, '.');
  await commandLine(args, sources).parseAsync();
} catch (error) {
  const text = asked('json')
    ? errorJson(error, asked('debug'))
    : renderError(error, screenOf(process.stderr, process.env).style, asked('debug'));
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  markTold(error);
  process.exitCode = outputWasLost() ? ExitCode.toolError : exitCodeOf(error);
}
