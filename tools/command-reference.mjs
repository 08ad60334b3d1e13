// Writes docs/commands.md (every command with every option) and the table of commands in README.md from the help texts
// of dist/ (run `npm run build` first).
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const START = '<!-- Commands: written by tools/command-reference.mjs from splitz-onnx --help. -->';
const END = '<!-- End of commands. -->';

/**
 * What `splitz-onnx ARGS --help` prints, 100 columns wide.
 * @param commandLine of src/cli/command-line.ts
 * @param optionSources of src/cli/config/sources.ts
 */
export const helpFrom =
  (commandLine, optionSources) =>
  (...args) =>
    new Promise((resolve, reject) => {
      const words = [...args, '--help'];
      commandLine(words, optionSources(words, {}, root))
        .wrap(100)
        .parse(words, {}, (error, _, text) => (error ? reject(error) : resolve(text.trimEnd())));
    });

/** Commands of a help text: usage and description. */
export function commandsOf(text) {
  const block = text.split(/^Commands:$/m)[1]?.split(/\n\n/)[0] ?? '';
  const commands = [];
  for (const line of block.split('\n')) {
    const [, usage, description] = /^ {2}splitz-onnx (\S.*?)(?: {2,}(.*))?$/.exec(line) ?? [];
    const last = commands.at(-1);
    if (usage !== undefined) commands.push({ usage, description: description ?? '' });
    else if (last !== undefined) last.description = `${last.description} ${line.trim()}`.trim();
  }
  return commands;
}

const nameOf = ({ usage }) => usage.replace(/ [<[].*$/, '');

/** Every command that does something, those of `config` for themselves. */
export async function commands(help) {
  const listed = [];
  for (const command of commandsOf(await help())) {
    const below = commandsOf(await help(nameOf(command)));
    listed.push(...(below.length === 0 ? [command] : below));
  }
  return listed;
}

const cell = (text) => text.replaceAll('|', '\\|');

/** The table of README.md. */
export function commandTable(listed) {
  const rows = listed.map((command) => [
    `[\`${cell(command.usage)}\`](docs/commands.md#${nameOf(command).replaceAll(' ', '-')})`,
    cell(command.description),
  ]);
  const widths = [0, 1].map((k) => Math.max(...rows.map((row) => row[k].length)));
  const line = (cells) => `| ${cells.map((text, k) => text.padEnd(widths[k])).join(' | ')} |`;
  return [line(['command', 'does']), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join(
    '\n',
  );
}

/** README.md with its table of commands replaced. */
export function withCommandTable(readme, table) {
  const [from, to] = [readme.indexOf(START), readme.indexOf(END)];
  if (from === -1 || to < from) throw new Error('README.md has lost the marks around its table of commands');
  return `${readme.slice(0, from + START.length)}\n\n${table}\n\n${readme.slice(to)}`;
}

/** docs/commands.md. */
export async function commandPage(listed, help) {
  const sections = [];
  for (const command of listed) {
    const name = nameOf(command);
    sections.push(`## ${name}\n\n\`\`\`text\n${await help(...name.split(' '), '--all')}\n\`\`\`\n`);
  }
  return `<!-- Written by tools/command-reference.mjs. -->
# Commands

As \`splitz-onnx COMMAND --help --all\` prints them; \`--help\` alone shows the options most runs need.

${sections.join('\n')}`;
}

async function main() {
  const built = (path) => import(pathToFileURL(join(root, 'dist/cli', path)).href);
  const { commandLine } = await built('command-line.js');
  const { optionSources } = await built('config/sources.js');
  const help = helpFrom(commandLine, optionSources);
  const listed = await commands(help);
  const readme = join(root, 'README.md');
  writeFileSync(readme, withCommandTable(readFileSync(readme, 'utf8'), commandTable(listed)));
  writeFileSync(join(root, 'docs/commands.md'), await commandPage(listed, help));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
